package io.nbdmirror.integration.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * Six arrays go back and forth. A guest's kernel crashes in the middle of creating one, of writing
 * to one, of using one that lost a member, of a re-add, a recovery and a replacement; we finish all
 * that and are killed in the middle of the same; a kernel finishes, and we take them up again.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Needs({
  "qemu-system-x86_64",
  "nbd-client",
  "mdadm",
  "busybox",
  "cpio",
  "depmod",
  "mkfs.ext4",
  "e2fsck",
  "debugfs",
  "nbdcopy",
  "fio",
  "perl"
})
class HandOverGuestTest {
  /** Superblocks and bitmaps are written, too. */
  private static final long METADATA_BYTES = 1 << 20;

  private Path folder = Path.of("");
  private HandedArray create = array("create");
  private HandedArray write = array("write");
  private HandedArray degrade = array("degrade");
  private HandedArray reAdd = array("re-add");
  private HandedArray recover = array("recover");
  private HandedArray replace = array("replace");

  /** What the kernel had on record, and what we made of it. */
  private long recoveredByKernel;

  private long replacedByKernel;
  private String firstLog = "";

  /** The same the other way round. */
  private long recoveredByUs;

  private long replacedByUs;
  private String console = "";

  private @Nullable RunningServer last;

  private HandedArray array(String name) {
    return new HandedArray(folder, name);
  }

  private List<HandedArray> arrays() {
    return List.of(create, write, degrade, reAdd, recover, replace);
  }

  @BeforeAll
  void backAndForth(@TempDir Path temporary) throws IOException {
    folder = temporary;
    create = array("create");
    write = array("write");
    degrade = array("degrade");
    reAdd = array("re-add");
    recover = array("recover");
    replace = array("replace");
    Path image = prepare();
    Guest.run(folder, "crash-in-the-middle.sh", List.of(), disks());
    List<Path> changed = finishWhatTheKernelBegan(image);
    crashInTheMiddle(changed);
    console = Guest.run(folder, "finish-what-was-begun.sh", List.of(), disks());
    last = RunningServer.start(folder, membersBut(replace.member(2)));
  }

  @AfterAll
  void end() {
    if (last != null) {
      last.close();
    }
  }

  /** A filesystem with a file of noise; all arrays but the kernel's own begin with it. */
  private Path prepare() throws IOException {
    Path files = Files.createDirectories(folder.resolve("files"));
    byte[] noise = new byte[14 << 20];
    new Random(1).nextBytes(noise);
    Files.write(files.resolve("noise"), noise);
    for (HandedArray array : arrays().subList(1, arrays().size())) {
      array.create("--assume-clean");
    }
    create.fillWithNoise();
    replace.member(2);
    Path image = TwoMembers.sparse(folder.resolve("image"), write.member(0).dataBytes());
    Command.of("mkfs.ext4", "-q", "-F", "-d", files, image).run();
    List<Object> members = new ArrayList<>();
    for (HandedArray array : arrays().subList(1, arrays().size())) {
      members.add(array.member(0).file());
      members.add(array.member(1).file());
    }
    try (RunningServer server = RunningServer.start(folder, members.toArray())) {
      arrays().subList(1, arrays().size()).forEach(array -> array.write(server, image));
      server.stop();
    }
    return image;
  }

  private List<Path> disks() {
    List<Path> disks = new ArrayList<>();
    for (HandedArray array : arrays()) {
      disks.add(array.member(0).file());
      disks.add(array.member(1).file());
    }
    disks.add(replace.member(2).file());
    return disks;
  }

  /** All disks but the one that was replaced last. */
  private Object[] membersBut(MemberImage replaced) {
    return disks().stream().filter(disk -> !disk.equals(replaced.file())).toArray();
  }

  /** Returns the filesystem that each array has then, and that is to be put on it. */
  private List<Path> finishWhatTheKernelBegan(Path image) throws IOException {
    recoveredByKernel = recover.member(1).recoveredBytes();
    replacedByKernel = replace.member(2).recoveredBytes();
    assertThat(create.member(0).clean()).as("the kernel's resync was complete").isFalse();
    write.damageWhatIsMarked();
    List<Path> filesystems = new ArrayList<>();
    try (RunningServer server = RunningServer.start(folder, disks().toArray())) {
      server.command("re-add", "degrade", degrade.member(1).file()).run();
      for (HandedArray array : arrays()) {
        array.awaitComplete(server);
        Path found = array.filesystem(server);
        assertThat(Command.of("debugfs", "-R", "cat /kernel", found).run().out())
            .isEqualTo("kernel: " + array.name() + "\n");
        filesystems.add(array.equals(create) ? image : found);
      }
      firstLog = server.errors();
      for (HandedArray array : arrays()) {
        array.areIdentical(0, array.equals(replace) ? 2 : 1);
      }
      for (int i = 1; i < filesystems.size(); i++) {
        addAFile(filesystems.get(i));
        arrays().get(i).write(server, filesystems.get(i));
      }
      server.stop();
    }
    addAFile(image);
    return filesystems;
  }

  private void addAFile(Path image) throws IOException {
    Path added = Files.writeString(folder.resolve("added"), "written through us\n");
    Command.of("debugfs", "-w", "-R", "write " + added + " host", image).run();
  }

  private void crashInTheMiddle(List<Path> filesystems) throws IOException {
    create.fillWithNoise();
    create.create("--force");
    List<Object> arguments = new ArrayList<>(List.of(membersBut(replace.member(1))));
    arguments.addAll(List.of("--clean-delay", "1m"));
    // As good as stopped, until everything has been begun.
    arguments.addAll(List.of("--speed-min", "1K", "--speed-max", "16K"));
    try (RunningServer server = RunningServer.start(folder, arguments.toArray())) {
      server.command("fail", "recover", recover.member(1).file()).run();
      server.command("remove", "recover", recover.member(1).file()).run();
      server.command("add", "recover", recover.member(1).file()).run();
      server
          .command("replace", "replace", replace.member(2).file(), replace.member(1).file())
          .run();
      create.write(server, filesystems.getFirst());
      server.command("fail", "degrade", degrade.member(1).file()).run();
      degrade.write(server, filesystems.get(2));
      server.command("fail", "re-add", reAdd.member(1).file()).run();
      server.command("remove", "re-add", reAdd.member(1).file()).run();
      reAdd.write(server, filesystems.get(3));
      server.command("re-add", "re-add", reAdd.member(1).file()).run();
      for (HandedArray array : List.of(create, reAdd, recover, replace)) {
        // Slow enough to be caught in the middle, however slow this machine is.
        server.command("set", array.name(), "--speed-min", "1K", "--speed-max", "256K").run();
      }
      create.await(server, "in its resync", array -> copies(array, "resync"));
      reAdd.await(server, "in its recovery", array -> copies(array, "recovery"));
      Awaitility.await("both copies on record")
          .atMost(Duration.ofMinutes(1))
          .pollInterval(Duration.ofMillis(100))
          .until(() ->
              recover.member(1).recoveredBytes() > METADATA_BYTES
                  && replace.member(1).recoveredBytes() > METADATA_BYTES);
      killWhileWriting(server, filesystems.get(1));
    }
    recoveredByUs = recover.member(1).recoveredBytes();
    replacedByUs = replace.member(1).recoveredBytes();
    write.damageWhatIsMarked();
  }

  private static boolean copies(JsonNode array, String action) {
    return array.at("/sync/action").asText().equals(action)
        && array.at("/sync/copiedBytes").asLong() > 1 << 20;
  }

  /** What is written is what is there, so that the filesystem is whole whenever the kill comes. */
  private void killWhileWriting(RunningServer server, Path image) throws IOException {
    try (Background load = Background.start(folder, write.copy(server, image))) {
      Awaitility.await("chunks marked, the copy running: " + load.isRunning())
          .atMost(Duration.ofMinutes(1))
          .pollInterval(Duration.ofMillis(5))
          .until(() -> write.member(0).dirtyChunks().cardinality() > 4);
      server.kill();
    }
  }

  @Test
  void weGoOnFromWhereTheKernelsRecoveryWas() {
    assertThat(recoveredByKernel).isPositive().isLessThan(recover.member(0).dataBytes());
    assertThat(firstLog).containsPattern(goingOn(recover.member(1), recoveredByKernel));
  }

  @Test
  void weGoOnFromWhereTheKernelsReplacementWas() {
    assertThat(replacedByKernel).isPositive().isLessThan(replace.member(0).dataBytes());
    assertThat(firstLog).containsPattern(goingOn(replace.member(2), replacedByKernel));
  }

  private static String goingOn(MemberImage member, long recoveredBytes) {
    long chunk = recoveredBytes / HandedArray.CHUNK_BYTES * HandedArray.CHUNK_BYTES;
    return "recovering \\[\\Q%s\\E\\]: .* everything from offset %d on is copied"
        .formatted(member.file(), chunk);
  }

  @Test
  void theKernelGoesOnFromWhereOurRecoveryWas() {
    goesOnFrom(recover, recoveredByUs);
  }

  @Test
  void theKernelGoesOnFromWhereOurReplacementWas() {
    goesOnFrom(replace, replacedByUs);
  }

  private void goesOnFrom(HandedArray array, long recoveredBytes) {
    long data = array.member(0).dataBytes();
    assertThat(recoveredBytes).isGreaterThan(METADATA_BYTES).isLessThan(data);
    Matcher said =
        Pattern.compile("sectors written by " + array.name() + ": (\\d+)\n").matcher(console);
    assertThat(said.find()).as("sectors in:%n%s", console).isTrue();
    assertThat(512 * Long.parseLong(said.group(1)))
        .as("bytes written to what was at " + recoveredBytes)
        .isBetween(1L, data - recoveredBytes + METADATA_BYTES);
  }

  @Test
  void theKernelFindsEveryFilesystemCleanAndAsWeWroteIt() {
    for (HandedArray array : arrays()) {
      assertThat(console)
          .contains("e2fsck of " + array.name() + ": 0")
          .contains("host of " + array.name() + ": written through us");
      String noise = Command.of("sha256sum", folder.resolve("files/noise")).run().out();
      assertThat(console)
          .contains("noise of " + array.name() + ": " + noise.substring(0, 64) + "\n");
    }
  }

  @Test
  void afterAllWeServeWhatTheKernelLeftAndCopyNothing() throws IOException {
    RunningServer server = Objects.requireNonNull(last);
    for (HandedArray array : arrays()) {
      JsonNode status = array.status(server);
      assertThat(status.at("/state").asText()).as(status.toString()).isEqualTo("clean");
      assertThat(status.at("/sync/copiedBytes").asLong()).as(status.toString()).isZero();
      array.areIdentical(0, 1);
      assertThat(array.member(0).dirtyChunks().isEmpty()).isTrue();
      Path found = array.filesystem(array.member(1));
      assertThat(Command.of("debugfs", "-R", "cat /again", found).run().out())
          .isEqualTo("again: " + array.name() + "\n");
    }
  }
}
