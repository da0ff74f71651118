package io.nbdmirror.io.engine;

/**
 * Whether buffered writes are quick at the moment. The kernel makes writers wait when too much is
 * dirty; once that has happened, writes are kept off the loop for a while. Belongs to one loop.
 */
final class WritePace {
  static final long SLOW_NANOS = 1_000_000;
  static final long PAUSE_NANOS = 100_000_000;

  private boolean paused;
  private long pausedAtNanos;

  boolean quick(long nowNanos) {
    if (paused && nowNanos - pausedAtNanos >= PAUSE_NANOS) {
      paused = false;
    }
    return !paused;
  }

  void took(long startNanos, long endNanos) {
    if (endNanos - startNanos > SLOW_NANOS) {
      paused = true;
      pausedAtNanos = endNanos;
    }
  }
}
