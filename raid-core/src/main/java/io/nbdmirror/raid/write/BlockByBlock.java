package io.nbdmirror.raid.write;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Tries a failed write again in halves, and the halves that fail in halves, down to single blocks
 * (raid1.c, {@code narrow_write_error}): a bad block costs a few writes, whatever the length. Gives
 * up when too many blocks fail, or when an error is not one of the medium. Used once, on the
 * array's loop.
 */
final class BlockByBlock implements Completion {
  /** More than this is no matter of a few bad blocks. */
  static final int MAX_FAILING = 8;

  /** Writes a part of what failed. */
  @FunctionalInterface
  interface Writer {
    void write(long startBytes, long endBytes, Completion done);
  }

  /** Told once how it ended. */
  @FunctionalInterface
  interface Listener {
    /**
     * All was tried.
     *
     * @param failing the ranges that could not be written
     * @param failure null when these are all: the rest is written
     */
    void tried(List<Range> failing, @Nullable DeviceException failure);
  }

  /** Bytes of the array that cannot be written, and why. */
  record Range(long startBytes, long endBytes, DeviceException failure) {}

  private final Writer writer;
  private final int blockBytes;
  private final Listener done;
  private final List<Range> failing = new ArrayList<>();

  /** Pairs of start and end; the first is the one under way. */
  private final ArrayDeque<Long> left = new ArrayDeque<>();

  BlockByBlock(Writer writer, int blockBytes, Listener done) {
    this.writer = writer;
    this.blockBytes = blockBytes;
    this.done = done;
  }

  /** Begins with a range that failed as a whole. */
  void tryAgain(long startBytes, long endBytes) {
    split(startBytes, endBytes);
    next();
  }

  /** A single block is tried once more as it is. */
  private void split(long start, long end) {
    long middle = (start + (end - start) / 2) / blockBytes * blockBytes;
    if (middle > start) {
      push(middle, end);
      push(start, middle);
    } else {
      push(start, end);
    }
  }

  private void push(long start, long end) {
    left.push(end);
    left.push(start);
  }

  private void next() {
    Long start = left.poll();
    Long end = left.peek();
    if (start == null || end == null) {
      done.tried(failing, null);
    } else {
      left.push(start);
      writer.write(start, end, this);
    }
  }

  @Override
  public void completed(@Nullable DeviceException failure) {
    long start = left.remove();
    long end = left.remove();
    if (failure != null) {
      if (failure.errno() != Errno.EIO) {
        done.tried(failing, failure);
        return;
      }
      if (end - start > blockBytes) {
        split(start, end);
      } else {
        failing.add(new Range(start, end, failure));
        if (failing.size() > MAX_FAILING) {
          done.tried(failing, failure);
          return;
        }
      }
    }
    next();
  }
}
