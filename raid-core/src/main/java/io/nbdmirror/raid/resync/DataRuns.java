package io.nbdmirror.raid.resync;

import io.nbdmirror.io.Extent;
import java.util.ArrayList;
import java.util.List;

/**
 * What a member says of its holes, in whole blocks of the array: members may have finer blocks than
 * others, and a block is a hole only if all of it is.
 */
final class DataRuns {
  private DataRuns() {}

  /**
   * The runs of data among {@code extents}, in order and apart from one another, at offsets of the
   * array; the first and last may reach further out than what was asked for.
   */
  static List<Extent> of(List<Extent> extents, long dataOffsetBytes, int blockBytes) {
    List<Extent> runs = new ArrayList<>();
    long start = 0;
    long end = -1;
    for (Extent extent : extents) {
      if (!extent.hole()) {
        long from = (extent.offsetBytes() - dataOffsetBytes) / blockBytes * blockBytes;
        long to = (extent.endBytes() - dataOffsetBytes + blockBytes - 1) / blockBytes * blockBytes;
        if (from > end) {
          addRun(runs, start, end);
          start = from;
        }
        end = to;
      }
    }
    addRun(runs, start, end);
    return runs;
  }

  private static void addRun(List<Extent> runs, long start, long end) {
    if (end > start) {
      runs.add(new Extent(start, end - start, false));
    }
  }
}
