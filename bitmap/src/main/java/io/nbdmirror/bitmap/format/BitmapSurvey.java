package io.nbdmirror.bitmap.format;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Goes through a bitmap once, in as many steps as one likes, and gathers what people want to see of
 * it: how many chunks are in which state, the ranges of bytes that are not clean, and a picture of
 * the whole device in one screen. Not thread-safe.
 */
public final class BitmapSurvey {
  /** Adjacent chunks that are not clean, as bytes of the array. */
  public record Range(long offsetBytes, long lengthBytes) {}

  /**
   * The device as rows of cells, each for as many chunks, in the order of the chunks; a cell shows
   * the worst of its own by {@link ChunkState#sign}.
   */
  public record Picture(long cellChunks, long cellBytes, List<String> rows) {}

  private static final int COLUMNS = 64;
  private static final int ROWS = 16;

  private final BitmapGeometry geometry;
  private final int maxRanges;
  private final int cellChunks;
  private final ChunkState[] cells;
  private final long[] counts = new long[ChunkState.values().length];
  private final List<Range> ranges = new ArrayList<>();
  private long omittedRanges;
  private long dirtyBytes;
  private int next;
  private long rangeStart;
  private long rangeEnd = -1;

  /**
   * @param maxRanges how many ranges are listed; the rest is counted
   */
  public BitmapSurvey(BitmapGeometry geometry, int maxRanges) {
    this.geometry = geometry;
    this.maxRanges = maxRanges;
    cellChunks = (geometry.chunks() - 1) / (ROWS * COLUMNS) + 1;
    cells = new ChunkState[(geometry.chunks() - 1) / cellChunks + 1];
    Arrays.fill(cells, ChunkState.CLEAN);
  }

  /**
   * Goes on where it left off.
   *
   * @param steps how many chunks that are not clean to look at, at most
   * @return whether it has come to the end
   */
  public boolean goOn(ChunkStates states, int steps) {
    for (int step = 0; step < steps; step++) {
      int chunk = next < geometry.chunks() ? states.nextSet(next) : -1;
      if (chunk < 0) {
        endRange();
        return true;
      }
      take(chunk, states.stateOf(chunk));
      next = chunk + 1;
    }
    return false;
  }

  private void take(int chunk, ChunkState state) {
    switch (state) {
      case CLEAN -> counts[0]++;
      case DIRTY -> counts[1]++;
      case RESYNCING -> counts[2]++;
      case NEEDS_RESYNC -> counts[3]++;
    }
    int cell = chunk / cellChunks;
    if (state.compareTo(cells[cell]) > 0) {
      cells[cell] = state;
    }
    long start = geometry.chunkStartBytes(chunk);
    long end = geometry.chunkEndBytes(chunk);
    dirtyBytes += end - start;
    if (start != rangeEnd) {
      endRange();
      rangeStart = start;
    }
    rangeEnd = end;
  }

  private void endRange() {
    if (rangeEnd < 0) {
      return;
    }
    if (ranges.size() < maxRanges) {
      ranges.add(new Range(rangeStart, rangeEnd - rangeStart));
    } else {
      omittedRanges++;
    }
    rangeEnd = -1;
  }

  /** Chunks that are not clean. */
  public long dirtyChunks() {
    return counts[1] + counts[2] + counts[3];
  }

  public long resyncingChunks() {
    return counts[2];
  }

  public long needsResyncChunks() {
    return counts[3];
  }

  /** Bytes that are not clean: what a resync copies after an unclean stop. */
  public long dirtyBytes() {
    return dirtyBytes;
  }

  /** In order; neither adjacent nor overlapping. */
  public List<Range> ranges() {
    return List.copyOf(ranges);
  }

  /** How many more there are than are listed. */
  public long omittedRanges() {
    return omittedRanges;
  }

  public Picture picture() {
    List<String> rows = new ArrayList<>();
    for (int first = 0; first < cells.length; first += COLUMNS) {
      StringBuilder row = new StringBuilder();
      for (int cell = first; cell < Math.min(cells.length, first + COLUMNS); cell++) {
        row.append(cells[cell].sign());
      }
      rows.add(row.toString());
    }
    return new Picture(cellChunks, cellChunks * geometry.chunkBytes(), rows);
  }
}
