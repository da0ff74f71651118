package io.nbdmirror.raid.simulation;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * What an array of the simulator is like, and where in it clients are busy.
 *
 * @param blockBytes of each member's disk
 * @param zones ranges that clients read and write; the rest of a large array stays untouched
 * @param queueDepth requests that clients have in flight at most
 * @param upsetsPerMille how often a disk is upset, in a thousand steps
 * @param writeBehind by how many writes members that are write-mostly may lag; one is then
 */
record Shape(
    long sizeBytes,
    int chunkBytes,
    List<Integer> blockBytes,
    boolean discards,
    boolean bitmapInFile,
    List<Zone> zones,
    int queueDepth,
    int upsetsPerMille,
    int writeBehind) {
  /** A range of the array, in bytes. */
  record Zone(long start, int length) {
    long end() {
      return start + length;
    }
  }

  private static final int KIB = 1 << 10;

  /** An array grows by no more than this, in all its lives. */
  private static final int GROWTH = 128 * KIB;

  static Shape draw(SplittableRandom random) {
    boolean large = random.nextInt(16) == 0;
    long size = large ? (16L << 20) + 64 * KIB : (64L * KIB) << random.nextInt(4);
    int chunk = large ? 512 : (4 * KIB) << random.nextInt(3);
    int members = List.of(2, 2, 2, 3, 3, 4).get(random.nextInt(6));
    List<Integer> blocks = new ArrayList<>();
    for (int i = 0; i < members; i++) {
      blocks.add(random.nextInt(6) == 0 ? 4 * KIB : 512);
    }
    return new Shape(
        size,
        chunk,
        blocks,
        random.nextInt(5) > 0,
        random.nextInt(4) == 0,
        large ? zonesOf(size) : List.of(new Zone(0, (int) size)),
        1 << random.nextInt(6),
        List.of(0, 0, 1, 4, 12).get(random.nextInt(5)),
        random.nextInt(4) == 0 ? 1 << random.nextInt(5) : 0);
  }

  /** The start, both sides of where the bitmap's second page begins, and the end. */
  private static List<Zone> zonesOf(long size) {
    long secondPage = (4096L - 256) * 8 * 512;
    return List.of(
        new Zone(0, 32 * KIB),
        new Zone(secondPage - 16 * KIB, 32 * KIB),
        new Zone(size - 32 * KIB, 32 * KIB));
  }

  /** The slot of the member that is write-mostly from the start, where any may lag. */
  int writeMostlySlot() {
    return writeBehind % members();
  }

  /** The largest that it may become. */
  long mostBytes() {
    return sizeBytes + GROWTH;
  }

  int members() {
    return blockBytes.size();
  }
}
