package io.nbdmirror.integration.crash;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.heldfile.MountedImage;
import io.nbdmirror.integration.member.BitmapImage;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.SlowMember;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Figures;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The server is killed again and again in the middle of random writes, with one member slower than
 * the other so that they differ at the kill. The same array lives through all kills of a test.
 */
@Needs(
    value = {"nbdkit", "nbdfuse"},
    root = true)
class KillTest {
  private static final int KILLS = "true".equals(System.getenv("NBDMIRROR_LONG")) ? 100 : 10;

  /** In between, bits of the kills before are still set, or being cleared, when the next comes. */
  private static final int KILLS_BETWEEN_DRAINS = 3;

  private static final long MEMBER_BYTES = 66L << 20;
  private static final int CHUNK_BYTES = 64 << 10;
  private static final int BLOCKS_PER_CHUNK = CHUNK_BYTES / Ledger.BLOCK_BYTES;

  @TempDir Path folder;

  /** Where the bitmap is, and how often the server is killed there. */
  private enum Place {
    INTERNAL(KILLS),
    RAW(KILLS / 3),
    FILE(KILLS / 3);

    private final int kills;

    Place(int kills) {
      this.kills = kills;
    }
  }

  /** What one kill left behind, and what putting it right took. */
  private record Outcome(int dirtyChunks, int differingBlocks, long copiedBytes) {}

  private Place place = Place.INTERNAL;
  private List<Object> bitmapFlags = List.of();
  private @Nullable BitmapImage bitmapFile;

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void whatTheBitmapMarksIsCopiedAndNothingAcknowledgedIsLost(int slowSlot) throws Exception {
    killAgainAndAgain(slowSlot);
  }

  @Test
  void soItIsWithABitmapAtRawBlockOffsets() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, MountedImage.Kind.EXT4_1K)) {
      place = Place.RAW;
      keepBitmapIn(mount.folder().resolve("bitmap"));
      killAgainAndAgain(1);
    }
  }

  @Test
  void soItIsWithABitmapInAFile() throws Exception {
    place = Place.FILE;
    keepBitmapIn(folder.resolve("bitmap"));
    killAgainAndAgain(0);
  }

  private void keepBitmapIn(Path file) {
    bitmapFile = new BitmapImage(file);
    bitmapFlags = List.of("--bitmap", file, "--bitmap-io", place.name().toLowerCase(Locale.ROOT));
  }

  private void killAgainAndAgain(int slowSlot) throws Exception {
    Path fast = TwoMembers.sparse(folder.resolve("fast.img"), MEMBER_BYTES);
    Path backing = TwoMembers.sparse(folder.resolve("backing.img"), MEMBER_BYTES);
    try (SlowMember slow = new SlowMember(folder, backing, Duration.ofMillis(3))) {
      Path[] members =
          slowSlot == 0 ? new Path[] {slow.file(), fast} : new Path[] {fast, slow.file()};
      Nbdmirror.command("create", "killed", members[0], members[1])
          .and("--bitmap-chunk", "64K", "--delay", "1s")
          .and(bitmapFlags.toArray())
          .run();
      TwoMembers images = new TwoMembers(folder, new MemberImage(fast), new MemberImage(backing));
      everyKillIsPutRight(members, images, 1000L * slowSlot);
    }
  }

  private void everyKillIsPutRight(Path[] members, TwoMembers images, long seed) throws Exception {
    Ledger ledger = new Ledger((int) (images.first().dataBytes() / Ledger.BLOCK_BYTES));
    int differing = 0;
    long copied = 0;
    RunningServer server = start(members);
    try {
      for (int kill = 0; kill < place.kills; kill++) {
        if (kill % KILLS_BETWEEN_DRAINS == 0) {
          server.awaitQuiet();
          bitsOnDiskAreClear(images);
        }
        loadAndKill(server, ledger, new SplittableRandom(seed + kill));
        List<Long> differingBlocks =
            MemberImage.differingBlocks(images.first(), images.second(), Ledger.BLOCK_BYTES);
        BitSet dirty = bitsThatCover(differingBlocks, images);
        server = start(members);
        Outcome outcome = restarted(server, dirty, differingBlocks.size());
        images.areIdentical();
        everyAcknowledgedWriteIsThere(server, ledger);
        Figures.show("seed " + (seed + kill) + ": " + outcome);
        differing += outcome.differingBlocks;
        copied += outcome.copiedBytes;
      }
      server.stop();
    } finally {
      server.close();
    }
    assertThat(images.first().clean() && images.second().clean()).as("clean").isTrue();
    assertThat(copies(images)).as("dirty chunks").allMatch(BitSet::isEmpty);
    assertThat(differing).as("blocks that differed, over all kills").isPositive();
    assertThat(copied).as("bytes copied, over all kills").isPositive();
  }

  private RunningServer start(Path[] members) {
    List<Object> arguments = new ArrayList<>(bitmapFlags);
    arguments.addAll(List.of((Object[]) members));
    return RunningServer.start(folder, arguments.toArray());
  }

  /** The bits as they are on the medium, of every copy of the bitmap. */
  private List<BitSet> copies(TwoMembers images) {
    return bitmapFile == null
        ? List.of(images.first().dirtyChunks(), images.second().dirtyChunks())
        : List.of(bitmapFile.dirtyChunks());
  }

  /** Waits for the resync and holds what it copied against what was marked and what differed. */
  private static Outcome restarted(RunningServer server, BitSet dirty, int differingBlocks) {
    JsonNode array = server.awaitResynced();
    long copied = array.at("/sync/copiedBytes").asLong();
    assertThat(copied)
        .as("bytes copied, with %d blocks differing", differingBlocks)
        .isBetween(
            (long) differingBlocks * Ledger.BLOCK_BYTES, (long) dirty.cardinality() * CHUNK_BYTES);
    return new Outcome(dirty.cardinality(), differingBlocks, copied);
  }

  private void bitsOnDiskAreClear(TwoMembers images) {
    Awaitility.await("the last bits cleared on disk")
        .atMost(Duration.ofSeconds(20))
        .until(() -> copies(images).stream().allMatch(BitSet::isEmpty));
  }

  /** The load stays within a twentieth of the device, at a random place. */
  private static void loadAndKill(RunningServer server, Ledger ledger, SplittableRandom random)
      throws IOException, InterruptedException {
    int window = ledger.blocks() / 20;
    int first = random.nextInt(ledger.blocks() - window);
    WriteLoad load = new WriteLoad(server.unixSocket(), ledger, first, window, random.nextLong());
    long enough = 100 + random.nextLong(1500);
    Awaitility.await("the load under way")
        .pollInterval(Duration.ofMillis(1))
        .atMost(Duration.ofSeconds(30))
        .until(() -> load.acknowledgedWrites() >= enough);
    server.kill();
    load.awaitEnd();
  }

  /** The bits set on disk, on every copy; fails the test if they do not cover what differs. */
  private BitSet bitsThatCover(List<Long> differingBlocks, TwoMembers images) {
    assertThat(images.first().clean()).as("a superblock says clean").isFalse();
    assertThat(images.second().clean()).as("a superblock says clean").isFalse();
    int chunks = Math.toIntExact(images.first().dataBytes() / CHUNK_BYTES);
    BitSet any = new BitSet();
    copies(images).forEach(any::or);
    assertThat(any.cardinality()).as("dirty of %d chunks", chunks).isBetween(1, chunks / 5);
    for (long block : differingBlocks) {
      int chunk = (int) (block / BLOCKS_PER_CHUNK);
      assertThat(copies(images)).as("I1: bit %d", chunk).allMatch(bits -> bits.get(chunk));
    }
    return any;
  }

  static void everyAcknowledgedWriteIsThere(RunningServer server, Ledger ledger)
      throws IOException {
    everyAcknowledgedWriteIsThere(server, ledger, ledger.blocks());
  }

  /** As far as the device goes. */
  static void everyAcknowledgedWriteIsThere(RunningServer server, Ledger ledger, int blocks)
      throws IOException {
    int step = 256;
    try (NbdConnection connection = new NbdConnection(server.unixSocket())) {
      for (int block = 0; block < blocks; block += step) {
        int count = Math.min(step, blocks - block);
        byte[] bytes =
            connection.read((long) block * Ledger.BLOCK_BYTES, count * Ledger.BLOCK_BYTES);
        for (int i = 0; i < count; i++) {
          int from = i * Ledger.BLOCK_BYTES;
          ledger.check(block + i, Arrays.copyOfRange(bytes, from, from + Ledger.BLOCK_BYTES));
        }
      }
    }
  }
}
