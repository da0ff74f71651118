package io.nbdmirror.integration.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Figures;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Members are loop devices: what was not flushed is in the device's cache and not in its file. So a
 * copy of the files, taken while the server is stopped in the middle of a load, is what a power cut
 * would have left. The server itself goes on afterwards as if nothing had been.
 */
@Needs(value = "losetup", root = true)
class PowerCutSnapshotTest {
  private static final int SNAPSHOTS = "true".equals(System.getenv("NBDMIRROR_LONG")) ? 40 : 4;
  private static final long MEMBER_BYTES = 18L << 20;
  private static final long SEED = 1;

  @TempDir Path folder;

  @Test
  void nothingFlushedIsLostAndWhatDiffersIsMarked() throws Exception {
    Path first = TwoMembers.sparse(folder.resolve("first.img"), MEMBER_BYTES);
    Path second = TwoMembers.sparse(folder.resolve("second.img"), MEMBER_BYTES);
    String[] loops = {attach(first), attach(second)};
    try {
      Nbdmirror.command("create", "cut", loops[0], loops[1])
          .and("--bitmap-chunk", "64K", "--delay", "1s")
          .run();
      snapshotsUnderLoad(loops, new TwoMembers(folder, image(first), image(second)));
    } finally {
      Command.of("losetup", "-d", loops[0]).run();
      Command.of("losetup", "-d", loops[1]).run();
    }
  }

  private void snapshotsUnderLoad(String[] loops, TwoMembers images) throws Exception {
    int blocks = Math.toIntExact(images.first().dataBytes() / Ledger.BLOCK_BYTES);
    Ledger ledger = new Ledger(blocks);
    SplittableRandom random = new SplittableRandom(SEED);
    int differing = 0;
    try (RunningServer server = RunningServer.start(folder, loops[0], loops[1])) {
      WriteLoad load = new WriteLoad(server.unixSocket(), ledger, 0, blocks, SEED);
      for (int i = 0; i < SNAPSHOTS; i++) {
        long enough = load.acknowledgedWrites() + 200 + random.nextLong(800);
        Awaitility.await("the load under way")
            .pollInterval(Duration.ofMillis(1))
            .atMost(Duration.ofSeconds(60))
            .until(() -> load.acknowledgedWrites() >= enough);
        Path cut = Files.createDirectory(folder.resolve("cut" + i));
        Ledger.PowerCut allowed = freezeAndCopy(server, ledger, images, cut);
        differing += isPutRight(cut, images, allowed);
      }
      server.stop();
      load.awaitEnd();
    }
    Figures.show("%d power cuts, %d blocks differed".formatted(SNAPSHOTS, differing));
    assertThat(differing).as("blocks that differed, over all power cuts").isPositive();
    sync(loops);
    images.areIdentical();
    images.areClean();
  }

  private static Ledger.PowerCut freezeAndCopy(
      RunningServer server, Ledger ledger, TwoMembers images, Path into) throws IOException {
    String pid = Long.toString(server.handle().pid());
    Command.of("kill", "-STOP", pid).run();
    try {
      // A thread within a flush stops only when that is over.
      Awaitility.await("every thread to stand still")
          .pollInterval(Duration.ofMillis(1))
          .atMost(Duration.ofSeconds(30))
          .until(() -> allStopped(pid));
      Ledger.PowerCut allowed = ledger.powerCut();
      Files.copy(images.first().file(), into.resolve("first.img"));
      Files.copy(images.second().file(), into.resolve("second.img"));
      return allowed;
    } finally {
      Command.of("kill", "-CONT", pid).run();
    }
  }

  private static boolean allStopped(String pid) {
    try (Stream<Path> tasks = Files.list(Path.of("/proc", pid, "task"))) {
      return tasks.allMatch(PowerCutSnapshotTest::isStopped);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isStopped(Path task) {
    try {
      String stat = Files.readString(task.resolve("stat"));
      return stat.charAt(stat.lastIndexOf(')') + 2) == 'T';
    } catch (IOException e) {
      // It has ended since.
      return true;
    }
  }

  /** How many blocks differed. */
  private static int isPutRight(Path cut, TwoMembers images, Ledger.PowerCut allowed)
      throws IOException {
    TwoMembers copies =
        new TwoMembers(
            cut,
            image(cut.resolve(images.first().file().getFileName())),
            image(cut.resolve(images.second().file().getFileName())));
    List<Long> differing =
        MemberImage.differingBlocks(copies.first(), copies.second(), Ledger.BLOCK_BYTES);
    for (MemberImage copy : List.of(copies.first(), copies.second())) {
      assertThat(copy.clean()).as("I8: %s says clean", copy.file()).isFalse();
      BitSet bits = copy.dirtyChunks();
      assertThat(differing)
          .as("I1: blocks that differ, and are under a bit of %s", copy.file())
          .allMatch(block -> bits.get((int) (block * Ledger.BLOCK_BYTES / copy.chunkBytes())));
    }
    try (RunningServer again = copies.serve()) {
      again.awaitResynced();
      copies.areIdentical();
      read(again, images, allowed);
      again.stop();
    }
    return differing.size();
  }

  private static void read(RunningServer server, TwoMembers images, Ledger.PowerCut allowed)
      throws IOException {
    int length = 256 * Ledger.BLOCK_BYTES;
    try (NbdConnection connection = new NbdConnection(server.unixSocket())) {
      for (long offset = 0; offset < images.first().dataBytes(); offset += length) {
        int now = (int) Math.min(length, images.first().dataBytes() - offset);
        byte[] bytes = connection.read(offset, now);
        for (int at = 0; at + Ledger.BLOCK_BYTES <= now; at += Ledger.BLOCK_BYTES) {
          allowed.check(
              (int) ((offset + at) / Ledger.BLOCK_BYTES),
              Arrays.copyOfRange(bytes, at, at + Ledger.BLOCK_BYTES));
        }
      }
    }
  }

  private static void sync(String[] loops) {
    for (String loop : loops) {
      Command.of("blockdev", "--flushbufs", loop).run();
    }
  }

  private static MemberImage image(Path file) {
    return new MemberImage(file);
  }

  private static String attach(Path file) {
    return Command.of("losetup", "-f", "--show", file).run().out().strip();
  }
}
