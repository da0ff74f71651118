package io.nbdmirror.integration.heldfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.heldfile.MountedImage.Kind;
import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.held.HeldFile;
import io.nbdmirror.io.held.Writing;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that are written past their filesystem: exactly their own blocks, and protected. */
@Needs(
    value = {"losetup", "partx", "mkfs.ext4", "mkfs.xfs", "chattr", "e2fsck"},
    root = true)
class HeldFileTest {
  private static final int[] SIZES = {1, 256, 700, 2272, 4096, 4097, 70_000, (1 << 20) + 1};

  @TempDir Path folder;

  private final Random random = new Random(5);

  @ParameterizedTest
  @EnumSource(names = {"EXT4_1K", "EXT4_2K", "EXT4_4K", "XFS"})
  void whatIsWrittenRawIsWhatTheFileHasAndNothingElseChanges(Kind kind) throws Exception {
    try (MountedImage mount = MountedImage.of(folder, kind)) {
      byte[] neighbour = bytes(200_000);
      for (int size : SIZES) {
        Path before = Files.write(mount.folder().resolve("before" + size), neighbour);
        Path path = mount.folder().resolve("held" + size);
        create(path, new byte[size], Writing.RAW);
        Path after = Files.write(mount.folder().resolve("after" + size), neighbour);
        byte[] wanted = writePages(path, size);
        assertThat(Files.readAllBytes(path)).as("%d bytes", size).isEqualTo(wanted);
        assertThat(Files.readAllBytes(before)).isEqualTo(neighbour);
        assertThat(Files.readAllBytes(after)).isEqualTo(neighbour);
      }
      mount.unmountAndCheck();
    }
  }

  @Test
  void blocksThatAreNotTogetherAreWrittenOneByOne() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_1K)) {
      Path path = mount.folder().resolve("held");
      Path other = mount.folder().resolve("other");
      byte[] otherBytes = interleave(path, other, 40);
      assertThat(Command.of("filefrag", path).run().out()).doesNotContain(": 1 extent");
      byte[] wanted = writePages(path, 40 * 1024);
      assertThat(Files.readAllBytes(path)).isEqualTo(wanted);
      assertThat(Files.readAllBytes(other)).isEqualTo(otherBytes);
      mount.unmountAndCheck();
    }
  }

  /** Two files appended to in turn, each block synced before the next. */
  private byte[] interleave(Path one, Path other, int blocks) throws IOException {
    byte[] otherBytes = new byte[blocks * 1024];
    for (int block = 0; block < blocks; block++) {
      byte[] bytes = bytes(1024);
      append(one, bytes);
      append(other, bytes);
      System.arraycopy(bytes, 0, otherBytes, block * 1024, 1024);
    }
    return otherBytes;
  }

  private static void append(Path file, byte[] bytes) throws IOException {
    Files.write(
        file, bytes, StandardOpenOption.CREATE, StandardOpenOption.APPEND, StandardOpenOption.SYNC);
  }

  @Test
  void aLoopDeviceThatBeginsWithinItsFileIsNoDifferent() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K, 1_049_088, "rw")) {
      Path path = mount.folder().resolve("held");
      create(path, new byte[5000], Writing.RAW);
      byte[] wanted = writePages(path, 5000);
      assertThat(Files.readAllBytes(path)).isEqualTo(wanted);
      mount.unmountAndCheck();
    }
  }

  @Test
  void offsetsOnAPartitionAreItsOwn() throws Exception {
    Path disk = folder.resolve("disk");
    ByteBuffer table = ByteBuffer.allocate(100 << 20).order(ByteOrder.LITTLE_ENDIAN);
    table.put(450, (byte) 0x83).putInt(454, 2048).putInt(458, 180_000);
    Files.write(disk, table.putShort(510, (short) 0xaa55).array());
    String loop = Command.of("losetup", "-f", "--show", disk).run().out().strip();
    Path mount = Files.createDirectories(folder.resolve("mnt"));
    try {
      Command.of("partx", "-a", loop).run();
      String partition = loop + "p1";
      Command.of("mkfs.ext4", "-q", "-F", partition).run();
      Command.of("mount", partition, mount).run();
      Path path = mount.resolve("held");
      create(path, new byte[70_000], Writing.RAW);
      byte[] wanted = writePages(path, 70_000);
      assertThat(Files.readAllBytes(path)).isEqualTo(wanted);
      Command.of("umount", mount).run();
      Command.of("e2fsck", "-fn", partition).run();
    } finally {
      Command.of("umount", mount).attempt();
      Command.of("partx", "-d", loop).attempt();
      Command.of("losetup", "-d", loop).attempt();
    }
  }

  @Test
  void nobodyCanChangeItWhileItIsHeld() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K)) {
      Path path = mount.folder().resolve("held");
      create(path, bytes(5000), Writing.AUTO);
      try (OpenHeldFile held = new OpenHeldFile(path, Writing.RAW)) {
        assertThat(held.file().isRaw()).isTrue();
        assertThat(held.file().howWritten()).contains(mount.device(), "ext4", "immutable");
        for (String[] change :
            new String[][] {
              {"truncate", "-s", "0", path.toString()},
              {"dd", "if=/dev/zero", "of=" + path, "bs=512", "count=1", "conv=notrunc"},
              {"rm", "-f", path.toString()},
              {"mv", path.toString(), path + "2"},
              {"fallocate", "-p", "-l", "4096", path.toString()}
            }) {
          assertThat(Command.of((Object[]) change).attempt().err())
              .as(String.join(" ", change))
              .contains("not permitted");
        }
        assertThat(held.file().check()).isNull();
      }
      assertThat(attributes(path)).as("given back").doesNotContain("i");
      Command.of("rm", path).run();
    }
  }

  @Test
  void whoHasItOpenForWritingIsNamedAndNothingIsLeftBehind() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K)) {
      Path path = mount.folder().resolve("held");
      create(path, bytes(5000), Writing.AUTO);
      try (Background writer =
          Background.start(folder, Command.of("sh", "-c", "exec sleep 60 >>" + path))) {
        Awaitility.await()
            .atMost(Duration.ofSeconds(10))
            .until(() -> Command.of("fuser", path).attempt().status() == 0);
        assertThat(writer.isRunning()).isTrue();
        for (Writing writing : Writing.values()) {
          assertThatThrownBy(() -> new OpenHeldFile(path, writing))
              .isInstanceOf(DeviceException.class)
              .hasMessageMatching(".*is open for writing by process \\d+ \\(sleep\\)");
        }
        assertThat(attributes(path)).doesNotContain("i");
      }
    }
  }

  @Test
  void aSecondHolderIsRefusedAndNamed() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K)) {
      Path path = mount.folder().resolve("held");
      create(path, bytes(5000), Writing.AUTO);
      String me = "in use by process " + ProcessHandle.current().pid() + " (";
      for (Writing writing : Writing.values()) {
        try (OpenHeldFile held = new OpenHeldFile(path, writing)) {
          assertThat(held.file().isRaw()).isEqualTo(writing != Writing.FILE);
          assertThatThrownBy(() -> new OpenHeldFile(path, Writing.AUTO)).hasMessageContaining(me);
          assertThatThrownBy(() -> HeldFile.release(path.toString())).hasMessageContaining(me);
        }
      }
    }
  }

  @Test
  void whatAKilledHolderLeftIsTakenOverOrReleased() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K)) {
      Path path = mount.folder().resolve("held");
      create(path, bytes(5000), Writing.AUTO);
      for (Writing writing : Writing.values()) {
        Command.of("chattr", "+i", path).run();
        new OpenHeldFile(path, writing).close();
        assertThat(attributes(path)).as("%s", writing).doesNotContain("i");
      }
      Command.of("chattr", "+i", path).run();
      assertThat(HeldFile.release(path.toString())).isTrue();
      assertThat(HeldFile.release(path.toString())).isFalse();
      assertThat(attributes(path)).doesNotContain("i");
    }
  }

  @Test
  void aMapThatMovedIsNoticed() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K)) {
      Path path = mount.folder().resolve("held");
      create(path, bytes(8192), Writing.AUTO);
      try (OpenHeldFile held = new OpenHeldFile(path, Writing.RAW)) {
        Command.of("chattr", "-i", path).run();
        assertThatThrownBy(held.file()::check).hasMessageContaining("no longer immutable");
        Command.of("fallocate", "-p", "-o", "4096", "-l", "4096", path).run();
        Files.write(mount.folder().resolve("in the way"), bytes(65_536), StandardOpenOption.CREATE);
        Command.of("sync").run();
        Command.of("dd", "if=/dev/urandom", "of=" + path, "bs=4096", "count=1", "seek=1")
            .and("conv=notrunc,fsync")
            .run();
        Command.of("chattr", "+i", path).run();
        assertThatThrownBy(held.file()::check)
            .hasMessageContaining("other blocks")
            .hasMessageContaining("not written any more");
      }
    }
  }

  @Test
  void throughTheFilesystemItsSizeStaysWhatItIs() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_1K)) {
      for (int size : SIZES) {
        Path path = mount.folder().resolve("held" + size);
        create(path, new byte[size], Writing.FILE);
        try (OpenHeldFile held = new OpenHeldFile(path, Writing.FILE)) {
          assertThat(held.file().isRaw()).isFalse();
          byte[] wanted = writePages(held, size);
          assertThat(Files.readAllBytes(path)).isEqualTo(wanted);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void throughTheFilesystemAForeignWriterIsToldOf(boolean stillThere) throws Exception {
    Path path = folder.resolve("held");
    create(path, bytes(5000), Writing.FILE);
    try (OpenHeldFile held = new OpenHeldFile(path, Writing.FILE)) {
      held.write(0, bytes(4096));
      assertThat(held.file().check()).as("our own writes").isNull();
      if (stillThere) {
        try (Background writer =
            Background.start(folder, Command.of("sh", "-c", "exec sleep 60 >>" + path))) {
          Awaitility.await()
              .atMost(Duration.ofSeconds(10))
              .until(() -> String.valueOf(held.file().check()).contains("(sleep)"));
          assertThat(writer.isRunning()).isTrue();
        }
      } else {
        Command.of("dd", "if=/dev/zero", "of=" + path, "bs=1", "count=1", "conv=notrunc").run();
        assertThat(held.file().check()).contains("another process");
        assertThat(held.file().check()).isNull();
        Command.of("truncate", "-s", "100", path).run();
        assertThatThrownBy(held.file()::check).hasMessageContaining("cut short");
      }
    }
  }

  @Test
  void aFileThatIsGoneIsNoticed() throws Exception {
    Path path = folder.resolve("held");
    create(path, bytes(5000), Writing.FILE);
    try (OpenHeldFile held = new OpenHeldFile(path, Writing.FILE)) {
      Files.move(path, folder.resolve("elsewhere"));
      assertThatThrownBy(held.file()::check).hasMessageContaining("renamed or replaced");
      Files.delete(folder.resolve("elsewhere"));
      assertThatThrownBy(held.file()::check).hasMessageContaining("unlinked");
    }
  }

  @Test
  void nothingOfAHeldFileStaysOpen() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K)) {
      Path path = mount.folder().resolve("held");
      create(path, bytes(5000), Writing.AUTO);
      new OpenHeldFile(path, Writing.RAW).close();
      new OpenHeldFile(path, Writing.FILE).close();
      try (var descriptors = Files.list(Path.of("/proc/self/fd"))) {
        assertThat(descriptors.map(HeldFileTest::target))
            .doesNotContain(path.toString(), mount.device());
      }
    }
  }

  private static String target(Path link) {
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (IOException e) {
      return "closed meanwhile";
    }
  }

  /** Writes every page, the last one to its end; gives what must be there then. */
  private byte[] writePages(Path path, int size) throws Exception {
    try (OpenHeldFile held = new OpenHeldFile(path, Writing.RAW)) {
      byte[] wanted = writePages(held, size);
      assertThat(held.read(0, size)).as("read raw").isEqualTo(wanted);
      return wanted;
    }
  }

  private byte[] writePages(OpenHeldFile held, int size) {
    byte[] wanted = bytes(size);
    for (int at = (size - 1) / 4096 * 4096; at >= 0; at -= 4096) {
      held.write(at, Arrays.copyOfRange(wanted, at, Math.min(size, at + 4096)));
    }
    return wanted;
  }

  private static void create(Path path, byte[] content, Writing writing) throws DeviceException {
    HeldFile.create(path.toString(), ByteBuffer.wrap(content), writing);
  }

  private static String attributes(Path path) {
    return Command.of("lsattr", path).run().out().split(" ", -1)[0];
  }

  private byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }
}
