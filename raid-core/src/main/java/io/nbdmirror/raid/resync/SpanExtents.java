package io.nbdmirror.raid.resync;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Extent;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Which parts of a span hold data on any member, cut to windows. What is a hole on all of them
 * reads the same on all, and stays so: a write that comes later goes to all of them.
 */
final class SpanExtents {
  /** A range of the array, within one window. */
  record Range(long startBytes, long endBytes) {}

  private final long start;
  private final long end;
  private final Consumer<ArrayDeque<Range>> done;
  private final BitSet windowsWithData = new BitSet();
  private int pending = 1;

  private SpanExtents(long start, long end, Consumer<ArrayDeque<Range>> done) {
    this.start = start;
    this.end = end;
    this.done = done;
  }

  static void dataIn(
      Members members, long startBytes, long endBytes, Consumer<ArrayDeque<Range>> done) {
    SpanExtents span = new SpanExtents(startBytes, endBytes, done);
    List<Member> asked = new ArrayList<>();
    for (Member member : members.all()) {
      if (member.isWritable()) {
        asked.add(member);
      }
    }
    span.pending += asked.size();
    for (Member member : asked) {
      member.extents(
          startBytes,
          endBytes - startBytes,
          (extents, failure) -> span.listed(member, extents, failure));
    }
    span.oneDone();
  }

  private void listed(Member member, List<Extent> extents, @Nullable DeviceException failure) {
    if (failure != null) {
      // Nobody knows: then all of it is looked at, and the reads will tell.
      windowsWithData.set(0, windowOf(end - 1) + 1);
    }
    for (Extent extent : extents) {
      if (!extent.hole()) {
        long from = extent.offsetBytes() - member.dataOffsetBytes();
        windowsWithData.set(windowOf(from), windowOf(from + extent.lengthBytes() - 1) + 1);
      }
    }
    oneDone();
  }

  private int windowOf(long offsetBytes) {
    return (int) (offsetBytes / SyncEngine.WINDOW_BYTES - start / SyncEngine.WINDOW_BYTES);
  }

  private void oneDone() {
    if (--pending > 0) {
      return;
    }
    ArrayDeque<Range> ranges = new ArrayDeque<>();
    long base = start / SyncEngine.WINDOW_BYTES * SyncEngine.WINDOW_BYTES;
    for (int window = windowsWithData.nextSetBit(0);
        window >= 0;
        window = windowsWithData.nextSetBit(window + 1)) {
      long from = base + (long) window * SyncEngine.WINDOW_BYTES;
      ranges.add(new Range(Math.max(from, start), Math.min(from + SyncEngine.WINDOW_BYTES, end)));
    }
    done.accept(ranges);
  }
}
