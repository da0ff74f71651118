package io.nbdmirror.integration.bitmapfile;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.heldfile.MountedImage;
import io.nbdmirror.integration.heldfile.MountedImage.Kind;
import io.nbdmirror.integration.member.BitmapImage;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Finished;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** create, serve, bitmap add, remove, show and release, on a real filesystem. */
@Needs(
    value = {"losetup", "mkfs.ext4", "chattr", "fio", "mdadm", "nbdkit", "nbdfuse"},
    root = true)
class BitmapFileTest {
  private static final long MEMBER_BYTES = 66L << 20;

  @TempDir Path folder;

  private TwoMembers members(Path bitmap, Object... flags) {
    TwoMembers members = TwoMembers.blank(folder, "data", MEMBER_BYTES);
    Nbdmirror.command("create", "data", members.first().file(), members.second().file())
        .and("--bitmap", bitmap, "--assume-clean", "--delay", "1s")
        .and(flags)
        .run();
    return members;
  }

  @Test
  void whatMdadmSaysOfItIsWhatWeSay() throws IOException {
    for (String chunk : new String[] {"4K", "64K", "1M"}) {
      Path bitmap = folder.resolve("bitmap" + chunk);
      TwoMembers members = members(bitmap, "--bitmap-chunk", chunk, "--force");
      agree(bitmap);
      try (RunningServer server = members.serve("--bitmap", bitmap)) {
        write(server, 5 << 20, 300 << 10);
        server.kill();
      }
      agree(bitmap);
      assertThat(new BitmapImage(bitmap).dirtyChunks().cardinality()).isPositive();
    }
  }

  private static void agree(Path bitmap) {
    String theirs = Command.of("mdadm", "-X", bitmap).run().out();
    String ours = Nbdmirror.command("examine-bitmap", bitmap).run().out();
    assertThat(theirs.lines().map(String::strip).toList()).hasSizeGreaterThan(10);
    assertThat(ours.lines().map(String::strip).toList())
        .containsAll(theirs.lines().map(String::strip).toList());
  }

  @Test
  void itIsProtectedWhileServedAndGivenBackByACleanStop() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_1K)) {
      Path bitmap = mount.folder().resolve("bitmap");
      TwoMembers members = members(bitmap, "--bitmap-chunk", "64K");
      try (RunningServer server = members.serve("--bitmap", bitmap, "--bitmap-io", "raw")) {
        assertThat(server.array().at("/bitmap/kind").asText()).isEqualTo("raw");
        assertThat(server.errors())
            .contains("written at its raw block offsets on " + mount.device());
        assertThat(attributes(bitmap)).contains("i");
        assertThat(Nbdmirror.command("bitmap", "release", bitmap).attempt().err())
            .contains(bitmap + " is in use by process " + server.handle().pid());
        Finished second =
            Nbdmirror.command("serve", "--bitmap", bitmap, members.first().file()).attempt();
        assertThat(second.status()).isEqualTo(1);
        server.stop();
      }
      assertThat(attributes(bitmap)).doesNotContain("i");
      assertThat(new BitmapImage(bitmap).dirtyChunks().isEmpty()).isTrue();
      mount.unmountAndCheck();
    }
  }

  @Test
  void aKilledServersFileIsTakenOverOrReleasedByHand() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K)) {
      Path bitmap = mount.folder().resolve("bitmap");
      TwoMembers members = members(bitmap, "--bitmap-chunk", "64K");
      try (RunningServer server = members.serve("--bitmap", bitmap)) {
        server.kill();
      }
      assertThat(attributes(bitmap)).contains("i");
      try (RunningServer server = members.serve("--bitmap", bitmap)) {
        assertThat(server.errors()).contains("taken over");
        server.kill();
      }
      assertThat(Nbdmirror.command("bitmap", "release", bitmap).run().out())
          .isEqualTo(bitmap + ": released\n");
      assertThat(attributes(bitmap)).doesNotContain("i");
      Path stranger = Files.writeString(folder.resolve("stranger"), "not a bitmap");
      assertThat(Nbdmirror.command("bitmap", "release", stranger).attempt().err())
          .contains("neither a member of an array nor a bitmap file");
    }
  }

  @Test
  void whatIsLeftToResyncIsToldByTheFileAlone() throws IOException {
    Path bitmap = folder.resolve("bitmap");
    TwoMembers members = members(bitmap, "--bitmap-chunk", "64K");
    // Not clean again before it is killed.
    try (RunningServer server = members.serve("--bitmap", bitmap, "--clean-delay", "1m")) {
      server.awaitQuiet();
      write(server, 5 << 20, 5 << 16);
      server.kill();
    }
    String json = Nbdmirror.command("examine-bitmap", "--json", bitmap).run().out();
    long left = new ObjectMapper().readTree(json).get("leftToResyncBytes").asLong();
    assertThat(left).isEqualTo(5 << 16);
    try (RunningServer server = members.serve("--bitmap", bitmap)) {
      assertThat(server.awaitResynced().at("/sync/copiedBytes").asLong()).isEqualTo(left);
      server.awaitQuiet();
      server.stop();
    }
    assertThat(Nbdmirror.command("examine-bitmap", bitmap).run().out())
        .contains("Left to Resync : 0 bytes");
  }

  @Test
  void aStartThatFailsGivesItBack() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K)) {
      Path bitmap = mount.folder().resolve("bitmap");
      TwoMembers members = members(bitmap);
      Finished failed =
          Nbdmirror.command("serve", "--bitmap", bitmap, members.first().file())
              .and("--listen", "tcp:127.0.0.1:0", "--admin", "127.0.0.1:0")
              .attempt();
      assertThat(failed.err()).contains("lacks 1 of 2 members");
      assertThat(attributes(bitmap)).doesNotContain("i");
    }
  }

  @Test
  void itMovesUnderLoadAndTheOldFileIsClosedAtOnce() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_1K)) {
      Path first = mount.folder().resolve("first");
      Path second = mount.folder().resolve("second");
      TwoMembers members = members(first, "--bitmap-chunk", "64K");
      try (RunningServer server = members.serve("--bitmap", first)) {
        Command load =
            Command.of("fio", "--name=load", "--ioengine=nbd", "--uri=" + server.unixUri())
                .and("--rw=randwrite", "--bs=4k", "--iodepth=16", "--size=48M")
                .and("--time_based", "--runtime=120")
                .in(folder);
        try (Background fio = Background.start(folder, load)) {
          server.command("bitmap", "add", "data", "internal", "--bitmap-chunk", "64K").run();
          assertThat(openFiles(server)).doesNotContain(first.toString(), mount.device());
          assertThat(attributes(first)).doesNotContain("i");
          server.command("bitmap", "add", "data", second, "--bitmap-chunk", "16K").run();
          assertThat(server.array().at("/bitmap/kind").asText()).isEqualTo("raw");
          assertThat(server.array().at("/bitmap/chunkBytes").asLong()).isEqualTo(16384);
          server.command("bitmap", "remove", "data").run();
          assertThat(openFiles(server)).doesNotContain(second.toString(), mount.device());
          server.command("bitmap", "add", "data", folder.resolve("third")).run();
          Finished refused = server.command("bitmap", "add", "data", second).attempt();
          assertThat(refused.err()).contains("cannot make " + second + ": it is there already");
          assertThat(server.array().at("/bitmap/kind").asText()).isIn("raw", "file");
          server.command("bitmap", "add", "data", "internal").run();
          assertThat(fio.isRunning()).as("the load outlived the moves").isTrue();
        }
        assertThat(server.command("bitmap", "show", "data").run().out())
            .contains("data: bitmap internal", "each cell 1 chunk");
        server.stop();
      }
      members.areIdentical();
    }
  }

  @Test
  void dataWrittenWhileItMovesIsAllThere() throws Exception {
    Path bitmap = folder.resolve("bitmap");
    TwoMembers members = members(bitmap, "--bitmap-chunk", "64K");
    try (RunningServer server = members.serve("--bitmap", bitmap)) {
      Thread moves =
          Thread.ofPlatform()
              .start(() -> {
                server.command("bitmap", "add", "data", "internal").run();
                server.command("bitmap", "add", "data", folder.resolve("other")).run();
                server.command("bitmap", "remove", "data").run();
              });
      Command.of("fio", "--name=load", "--ioengine=nbd", "--uri=" + server.unixUri())
          .and("--rw=randwrite", "--bs=4k", "--iodepth=16", "--size=48M", "--io_size=96M")
          .and("--verify=crc32c", "--verify_fatal=1")
          .in(folder)
          .run();
      moves.join();
      server.stop();
    }
    members.areIdentical();
  }

  /** md's hole H2 with a real device: it fails, data goes on, it comes back after a crash. */
  @Test
  void aFileWhoseDeviceFailsIsNotTrustedWhenItComesBack() throws Exception {
    Path backing = folder.resolve("backing.bitmap");
    TwoMembers members = members(backing, "--bitmap-chunk", "64K");
    Path trip = folder.resolve("trip");
    Path socket = folder.resolve("bitmap.sock");
    Path mount = Files.createDirectories(folder.resolve("failing"));
    Command nbdkit =
        Command.of("nbdkit", "-f", "-U", socket, "--filter=error", "file", backing)
            .and("error=EIO", "error-pread-rate=0", "error-pwrite-rate=100%")
            .and("error-file=" + trip);
    try (Background device = Background.start(folder, nbdkit)) {
      Awaitility.await("nbdkit runs: " + device.isRunning()).until(() -> Files.exists(socket));
      Command fuse = Command.of("nbdfuse", mount, "nbd+unix:///?socket=" + socket);
      try (Background mounted = Background.start(folder, fuse)) {
        Path file = mount.resolve("nbd");
        Awaitility.await("nbdfuse runs: " + mounted.isRunning()).until(() -> Files.exists(file));
        // Not clean again before it is killed.
        try (RunningServer server = members.serve("--bitmap", file, "--clean-delay", "1m")) {
          server.awaitQuiet();
          Files.createFile(trip);
          write(server, 10 << 20, 4096);
          assertThat(server.array().at("/bitmap/kind").asText()).isEqualTo("kicked");
          assertThat(server.errors()).contains("is not used any more");
          server.kill();
        }
      } finally {
        Command.of("umount", "-l", mount).attempt();
      }
    }
    assertThat(new BitmapImage(backing).dirtyChunks().get(160)).isFalse();
    members.second().damage(10 << 20, new byte[] {1, 2, 3});
    try (RunningServer server = members.serve("--bitmap", backing)) {
      assertThat(server.errors()).contains("is stale");
      server.awaitQuiet();
      server.stop();
    }
    members.areIdentical();
  }

  @Test
  void aDamagedProtectionKicksIt() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K)) {
      Path bitmap = mount.folder().resolve("bitmap");
      TwoMembers members = members(bitmap, "--bitmap-chunk", "64K");
      try (RunningServer server = members.serve("--bitmap", bitmap)) {
        Command.of("chattr", "-i", bitmap).run();
        Awaitility.await("the loss is noticed")
            .atMost(Duration.ofSeconds(20))
            .until(() -> server.array().at("/bitmap/kind").asText().equals("kicked"));
        assertThat(server.errors()).contains("is no longer immutable");
        assertThat(openFiles(server)).doesNotContain(mount.device());
        server.stop();
      }
    }
  }

  @Test
  void whatDoesNotBelongTogetherIsRefused() throws IOException {
    Path bitmap = folder.resolve("bitmap");
    TwoMembers members = members(bitmap);
    Path stranger = Files.write(folder.resolve("stranger"), new byte[5000]);
    refuses(members, stranger, "is no bitmap file");
    refuses(members, folder.resolve("gone"), "cannot open");
    TwoMembers others = TwoMembers.create(folder, "others", MEMBER_BYTES);
    refuses(others, bitmap, "and none of the members given does");
    Path copy = Files.copy(bitmap, folder.resolve("copy"));
    Finished both =
        Nbdmirror.command("serve", members.first().file(), members.second().file())
            .and("--bitmap", bitmap, "--bitmap", copy)
            .attempt();
    assertThat(both.err()).contains("both are bitmap files of array data");
    Finished again =
        Nbdmirror.command("create", "x", folder.resolve("others0.img"), "missing", "--force")
            .and("--bitmap", stranger)
            .attempt();
    assertThat(again.err()).contains("neither a member of an array nor a bitmap file");
    assertThat(stranger).hasSize(5000);
  }

  private static void refuses(TwoMembers members, Path bitmap, String sentence) {
    Finished refused =
        Nbdmirror.command("serve", members.first().file(), members.second().file())
            .and("--bitmap", bitmap, "--listen", "tcp:127.0.0.1:0", "--admin", "127.0.0.1:0")
            .attempt();
    assertThat(refused.status()).isEqualTo(1);
    assertThat(refused.err()).contains(sentence);
  }

  private static void write(RunningServer server, long offset, int length) {
    Command.of("qemu-io", "-f", "raw", "-c", "write -P 7 %d %d".formatted(offset, length))
        .and(server.unixUri())
        .run();
  }

  private static String attributes(Path file) {
    return Command.of("lsattr", file).run().out().split(" ", -1)[0];
  }

  private static List<String> openFiles(RunningServer server) throws IOException {
    try (var descriptors = Files.list(Path.of("/proc/" + server.handle().pid() + "/fd"))) {
      return descriptors.map(BitmapFileTest::target).toList();
    }
  }

  private static String target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (IOException e) {
      return "closed meanwhile";
    }
  }
}
