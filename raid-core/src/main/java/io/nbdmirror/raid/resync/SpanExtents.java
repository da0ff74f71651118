package io.nbdmirror.raid.resync;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Extent;
import io.nbdmirror.raid.member.Member;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Which parts of a span hold data on any of some members, cut to windows. What is a hole on all of
 * them reads the same on all, and stays so: a write that comes later goes to all of them.
 */
final class SpanExtents {
  private final long start;
  private final long end;
  private final int blockBytes;
  private final Consumer<ArrayDeque<WindowRange>> done;
  private final BitSet windowsWithData = new BitSet();
  private final BitSet windowsWithHoles = new BitSet();
  private int pending = 1;

  private SpanExtents(
      long start, long end, int blockBytes, Consumer<ArrayDeque<WindowRange>> done) {
    this.start = start;
    this.end = end;
    this.blockBytes = blockBytes;
    this.done = done;
  }

  /**
   * Asks them.
   *
   * @param asked the source first
   */
  static void dataIn(
      List<Member> asked,
      long startBytes,
      long endBytes,
      int blockBytes,
      Consumer<ArrayDeque<WindowRange>> done) {
    SpanExtents span = new SpanExtents(startBytes, endBytes, blockBytes, done);
    span.pending += asked.size();
    for (int i = 0; i < asked.size(); i++) {
      Member member = asked.get(i);
      boolean source = i == 0;
      member.extents(
          startBytes,
          endBytes - startBytes,
          (extents, failure) -> span.listed(member, source, extents, failure));
    }
    span.oneDone();
  }

  private void listed(
      Member member, boolean source, List<Extent> extents, @Nullable DeviceException failure) {
    if (failure != null) {
      // Nobody knows: then all of it is looked at, and the reads will tell.
      windowsWithData.set(0, windowOf(end - 1) + 1);
    }
    long done = start;
    for (Extent run : DataRuns.of(extents, member.dataOffsetBytes(), blockBytes)) {
      long last = Math.min(run.endBytes(), end) - 1;
      windowsWithData.set(windowOf(run.offsetBytes()), windowOf(last) + 1);
      markHole(source, done, run.offsetBytes());
      done = run.endBytes();
    }
    markHole(source, done, end);
    oneDone();
  }

  private void markHole(boolean source, long from, long to) {
    if (source && from < to) {
      windowsWithHoles.set(windowOf(from), windowOf(to - 1) + 1);
    }
  }

  private int windowOf(long offsetBytes) {
    return (int) (offsetBytes / Window.MAX_BYTES - start / Window.MAX_BYTES);
  }

  private void oneDone() {
    if (--pending > 0) {
      return;
    }
    ArrayDeque<WindowRange> ranges = new ArrayDeque<>();
    long base = start / Window.MAX_BYTES * Window.MAX_BYTES;
    for (int window = windowsWithData.nextSetBit(0);
        window >= 0;
        window = windowsWithData.nextSetBit(window + 1)) {
      long from = base + (long) window * Window.MAX_BYTES;
      ranges.add(
          new WindowRange(
              Math.max(from, start),
              Math.min(from + Window.MAX_BYTES, end),
              !windowsWithHoles.get(window)));
    }
    done.accept(ranges);
  }
}
