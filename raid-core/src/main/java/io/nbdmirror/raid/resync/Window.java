package io.nbdmirror.raid.resync;

import io.nbdmirror.raid.write.OrderedRange;
import io.nbdmirror.raid.write.WriteOrder;

/**
 * One window of a {@link Sweep}: holds its range, so that no write gets in between (I11), does to
 * it what the job is about, and lets it go. Reused, for one job. Used on the array's loop.
 */
abstract class Window extends OrderedRange {
  /** What one window covers at most, in bytes; none crosses a multiple of it. */
  static final int MAX_BYTES = 1 << 20;

  /** Told that the window is free again. */
  @FunctionalInterface
  interface Listener {
    /**
     * Takes the window back.
     *
     * @param bytesWritten what it wrote to members
     * @param complete false when it could not do its work: there was nobody left to do it with
     */
    void windowDone(Window window, long bytesWritten, boolean complete);
  }

  private final WriteOrder order;
  private final Listener listener;

  Window(WriteOrder order, Listener listener) {
    this.order = order;
    this.listener = listener;
  }

  /** Begins, at once or when all changes to the range that came before are done. */
  final void begin(WindowRange range) {
    setRange(range.startBytes(), range.endBytes());
    prepare(range);
    if (order.acquire(this)) {
      granted();
    }
  }

  /** The range is known, and not held yet. */
  abstract void prepare(WindowRange range);

  final int lengthBytes() {
    return (int) (endBytes() - startBytes());
  }

  /** Lets the range go. Nothing of the window is in flight any more. */
  final void end(long bytesWritten, boolean complete) {
    order.release(this);
    listener.windowDone(this, bytesWritten, complete);
  }
}
