package io.nbdmirror.io;

import java.util.concurrent.Executor;

/**
 * A loop: one thread (or, in the simulator, none of its own) that runs tasks one after the other,
 * and the only clock the engine may read.
 *
 * <p>{@link #execute} may be called from any thread; the task runs on the loop after what runs now,
 * in the order given. Everything else is called on the loop.
 */
public interface Scheduler extends Executor {
  /** Whether the calling thread is this loop. */
  boolean inLoop();

  /**
   * Runs {@code task} on the loop no sooner than {@code delayNanos} from now.
   *
   * @return cancels the task if it has not run yet; cancelling twice does nothing
   */
  Timer schedule(Runnable task, long delayNanos);

  /**
   * Runs {@code task} on the loop every {@code periodNanos}, or later when the loop is busy.
   * Nothing is allocated from one time to the next.
   *
   * @return ends it; may be called by the task itself
   */
  Timer repeat(Runnable task, long periodNanos);

  /** Monotonic time in nanoseconds, from an arbitrary origin. */
  long nanoTime();

  /** Wall-clock time in microseconds since 1970, for time stamps that people read. */
  long wallClockMicros();

  /** A task that has been scheduled, or repeats. */
  interface Timer {
    /** Prevents the task from starting, or from starting again. */
    void cancel();
  }
}
