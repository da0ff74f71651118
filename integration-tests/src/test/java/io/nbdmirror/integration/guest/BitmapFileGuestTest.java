package io.nbdmirror.integration.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.BitmapImage;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * One boot of a guest: its md assembles members of ours that were killed, by their bitmap in a
 * file, then makes an array with a bitmap file of its own and crashes, which we take up.
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
  "fio"
})
class BitmapFileGuestTest {
  private static final long MEMBER_BYTES = 32L << 20;
  private static final int CHUNK_BYTES = 64 << 10;
  private static final int FIRST_WRITTEN_CHUNK = 96;
  private static final int WRITTEN_CHUNKS = 5;

  private TwoMembers ours;
  private TwoMembers theirs;
  private BitSet dirtyAtTheKill;
  private Path files;
  private Path theirBitmap;

  @BeforeAll
  void boot(@TempDir Path folder) throws IOException {
    Path bitmap = folder.resolve("ours.bitmap");
    ours = TwoMembers.blank(folder, "killed", MEMBER_BYTES);
    Nbdmirror.command("create", "killed", ours.first().file(), ours.second().file())
        .and("--bitmap", bitmap, "--bitmap-chunk", "64K", "--assume-clean")
        .run();
    dirtyAtTheKill = killWhileWriting(folder, bitmap);
    files = TwoMembers.sparse(folder.resolve("files.img"), 32L << 20);
    Command.of("mkfs.ext4", "-q", "-F", files).run();
    Command.of("debugfs", "-w", "-R", "write " + bitmap + " ours", files).run();
    theirs = TwoMembers.blank(folder, "made", MEMBER_BYTES);
    Guest.run(
        folder,
        "bitmap-files.sh",
        List.of(),
        Stream.of(
                ours.first().file(),
                ours.second().file(),
                theirs.first().file(),
                theirs.second().file(),
                files)
            .toList());
    theirBitmap = folder.resolve("theirs.bitmap");
    Command.of("e2fsck", "-fy", files).attempt();
    Command.of("debugfs", "-R", "dump theirs " + theirBitmap, files).run();
  }

  /** As the kernel's md would find it; the members are made to differ in every chunk. */
  private BitSet killWhileWriting(Path folder, Path bitmap) throws IOException {
    try (RunningServer server = ours.serve("--bitmap", bitmap)) {
      server.awaitQuiet();
      Command load =
          Command.of("fio", "--name=load", "--ioengine=nbd", "--uri=" + server.unixUri())
              .and("--rw=randwrite", "--bs=4k", "--iodepth=8", "--time_based", "--runtime=60")
              .and("--offset=" + FIRST_WRITTEN_CHUNK * CHUNK_BYTES)
              .and("--size=" + WRITTEN_CHUNKS * CHUNK_BYTES)
              .in(folder);
      try (Background fio = Background.start(folder, load)) {
        Awaitility.await("all chunks of the load marked, fio running: " + fio.isRunning())
            .until(() -> new BitmapImage(bitmap).dirtyChunks().cardinality() == WRITTEN_CHUNKS);
        server.kill();
      }
    }
    for (int chunk = 0; chunk < chunksOf(ours); chunk++) {
      ours.second().damage((long) chunk * CHUNK_BYTES + 512, new byte[] {1, 2, 3});
    }
    return new BitmapImage(bitmap).dirtyChunks();
  }

  private static int chunksOf(TwoMembers members) {
    return Math.toIntExact(members.first().dataBytes() / CHUNK_BYTES);
  }

  @Test
  void theKernelCopiesTheChunksThatOurFileMarksAndNoOthers() {
    assertThat(dirtyAtTheKill.cardinality()).isEqualTo(WRITTEN_CHUNKS);
    assertThat(sameChunks(ours)).isEqualTo(dirtyAtTheKill);
  }

  @Test
  void weCopyTheChunksThatTheKernelsFileMarksAndNoOthers() {
    BitSet marked = new BitmapImage(theirBitmap).dirtyChunks();
    assertThat(marked.stream().toArray()).contains(3, 4, 17);
    assertThat(theirs.first().clean()).isFalse();
    for (int chunk = 0; chunk < chunksOf(theirs); chunk++) {
      theirs.second().damage((long) chunk * CHUNK_BYTES + 512, new byte[] {1, 2, 3});
    }
    try (RunningServer server = theirs.serve("--bitmap", theirBitmap)) {
      JsonNode array = server.awaitQuiet();
      assertThat(array.at("/sync/copiedBytes").asLong())
          .isEqualTo((long) marked.cardinality() * CHUNK_BYTES);
      server.stop();
    }
    assertThat(sameChunks(theirs)).isEqualTo(marked);
  }

  private static BitSet sameChunks(TwoMembers members) {
    BitSet same = new BitSet();
    for (int chunk = 0; chunk < chunksOf(members); chunk++) {
      long offset = (long) chunk * CHUNK_BYTES;
      same.set(
          chunk,
          Arrays.equals(
              members.first().data(offset, CHUNK_BYTES),
              members.second().data(offset, CHUNK_BYTES)));
    }
    return same;
  }
}
