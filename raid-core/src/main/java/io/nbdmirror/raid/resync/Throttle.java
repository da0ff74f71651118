package io.nbdmirror.raid.resync;

/**
 * How fast windows follow one another. Without clients as fast as members can, several at a time;
 * with clients one small window at a time and then a pause of several times as long as it took, but
 * never slower than the minimum on their account. The maximum holds always. Used on the array's
 * loop; allocates nothing.
 */
final class Throttle {
  /** As much as md's speed_limit_min, 1000 KiB, in round numbers. */
  static final long DEFAULT_MIN_BYTES_PER_SECOND = 1 << 20;

  static final long UNLIMITED = Long.MAX_VALUE;

  /** Clients count as there for so long after a request. */
  static final long LOADED_NANOS = 50_000_000;

  /** What a window covers at most while clients are there: short enough to wait for. */
  static final int LOADED_WINDOW_BYTES = 64 << 10;

  /** The pause after a window while clients are there, in times that the window took. */
  static final int PAUSE_FACTOR = 7;

  private static final double NANOS = 1e9;

  private final Foreground foreground;
  private long minBytesPerSecond = DEFAULT_MIN_BYTES_PER_SECOND;
  private long maxBytesPerSecond = UNLIMITED;
  private long startedSeen;
  private long seenNanos;
  private boolean seen;
  private boolean paused;
  private long pauseUntilNanos;
  private boolean limited;
  private long limitUntilNanos;

  Throttle(Foreground foreground) {
    this.foreground = foreground;
    startedSeen = foreground.started();
  }

  /** In bytes of the array a second; a maximum below the minimum counts before it. */
  void setSpeed(long min, long max) {
    minBytesPerSecond = min;
    maxBytesPerSecond = max;
    paused = false;
    limited = false;
  }

  /** Whether clients are there. */
  boolean isLoaded(long nowNanos) {
    long started = foreground.started();
    if (started != startedSeen || foreground.isBusy()) {
      startedSeen = started;
      seen = true;
      seenNanos = nowNanos;
    } else if (seen && nowNanos - seenNanos >= LOADED_NANOS) {
      seen = false;
    }
    return seen;
  }

  /** How long until another window may begin; 0 when it may now. */
  long waitNanos(long nowNanos) {
    long wait = 0;
    if (paused) {
      wait = Math.max(wait, pauseUntilNanos - nowNanos);
      paused = wait > 0 && isLoaded(nowNanos);
      wait = paused ? wait : 0;
    }
    if (limited) {
      wait = Math.max(wait, limitUntilNanos - nowNanos);
    }
    return wait;
  }

  void windowStarted(long nowNanos, long lengthBytes) {
    if (maxBytesPerSecond != UNLIMITED) {
      // From when the last one was due, not from when the timer came: timers are late.
      boolean onTime = limited && nowNanos - limitUntilNanos < LOADED_NANOS;
      long from = onTime ? limitUntilNanos : nowNanos;
      limited = true;
      limitUntilNanos = from + nanosFor(lengthBytes, maxBytesPerSecond);
    }
  }

  void windowDone(long startNanos, long nowNanos, long lengthBytes) {
    if (!isLoaded(nowNanos)) {
      return;
    }
    long took = nowNanos - startNanos;
    long pause = took * PAUSE_FACTOR;
    if (minBytesPerSecond > 0) {
      pause = Math.min(pause, nanosFor(lengthBytes, minBytesPerSecond) - took);
    }
    paused = pause > 0;
    pauseUntilNanos = nowNanos + pause;
  }

  private static long nanosFor(long lengthBytes, long bytesPerSecond) {
    return (long) (lengthBytes * NANOS / Math.max(bytesPerSecond, 1));
  }
}
