package io.nbdmirror.nbd.transmission;

import io.nbdmirror.io.Extent;
import java.util.List;

/**
 * Whether a read is worth asking the device for holes first. A question costs about what reading a
 * few tens of KiB from a cache does, so it must save more than that:
 *
 * <ul>
 *   <li>short reads never ask;
 *   <li>one question covers what lies ahead too, and until that is read, nothing is asked about
 *       what was found to be data: to take a hole that came since for data does no harm;
 *   <li>after a question that found no hole some reads do without one, twice as many each time.
 * </ul>
 */
final class HoleSearch {
  /** Shorter reads are read. */
  static final int SHORTEST_READ_BYTES = 32 << 10;

  /** Shorter holes are read with what lies around them. */
  static final int SHORTEST_HOLE_BYTES = 16 << 10;

  /** How far ahead a question looks. */
  static final long AHEAD_BYTES = 16L << 20;

  /** How many extents it finds at most. */
  static final int MAX_EXTENTS = 128;

  private static final int MAX_READS_WITHOUT = 64;

  private long dataStartBytes;
  private long dataEndBytes;
  private int readsWithout;
  private int nextReadsWithout;

  /** Whether to ask before this read. */
  boolean isWorthwhile(long offsetBytes, long lengthBytes) {
    if (lengthBytes < SHORTEST_READ_BYTES
        || (offsetBytes >= dataStartBytes && offsetBytes + lengthBytes <= dataEndBytes)) {
      return false;
    }
    if (readsWithout > 0) {
      readsWithout--;
      return false;
    }
    return true;
  }

  /**
   * Learns from an answer.
   *
   * @param extents adjacent, from {@code offsetBytes} on; may end before the read does
   * @return whether the read has holes worth sending as such
   */
  boolean found(List<Extent> extents, long offsetBytes, long lengthBytes) {
    dataStartBytes = offsetBytes;
    dataEndBytes = offsetBytes;
    boolean ahead = true;
    boolean holes = false;
    for (Extent extent : extents) {
      long from = Math.max(extent.offsetBytes(), offsetBytes);
      long inRead = Math.min(extent.endBytes(), offsetBytes + lengthBytes) - from;
      holes |= extent.hole() && inRead >= SHORTEST_HOLE_BYTES;
      ahead &= !extent.hole();
      dataEndBytes = ahead ? extent.endBytes() : dataEndBytes;
    }
    if (holes) {
      nextReadsWithout = 0;
    } else {
      nextReadsWithout = Math.min(MAX_READS_WITHOUT, nextReadsWithout * 2 + 1);
    }
    readsWithout = nextReadsWithout;
    return holes;
  }
}
