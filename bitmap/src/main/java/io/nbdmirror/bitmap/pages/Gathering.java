package io.nbdmirror.bitmap.pages;

import io.nbdmirror.io.Scheduler;
import io.nbdmirror.io.Scheduler.Timer;
import org.jspecify.annotations.Nullable;

/**
 * The pause between two group commits. A commit lets many writes go at once; were the next to start
 * with the first that comes back, it would take only that one along, the rest would wait for the
 * one after, and every commit would carry half of them. So the next waits until as many writes have
 * begun as were let go, but never longer than twice the last commit: where clients are slow, nobody
 * gains by waiting. A single client's single write never waits. Used on the array's loop.
 */
final class Gathering {
  private static final long MAX_NANOS = 4_000_000;

  /** How exactly a pause ends that nobody ends by coming back. */
  private static final long TICK_NANOS = 500_000;

  /** The clock stops ticking after a second without a pause: an idle array wakes nobody. */
  private static final int TICKS_WITHOUT_PAUSE = 2000;

  private final Scheduler scheduler;
  private final Runnable start;
  private final Runnable tick = this::tick;
  private int outstanding;
  private boolean wanted;

  /** Ticks from one pause to the next: a timer of its own for each would take memory (I9). */
  private @Nullable Timer clock;

  private int ticksWithoutPause;
  private long deadlineNanos;

  /**
   * @param start starts the next commit
   */
  Gathering(Scheduler scheduler, Runnable start) {
    this.scheduler = scheduler;
    this.start = start;
  }

  /** A commit ended that took so long, and {@code writes} go on. */
  void begin(int writes, long tookNanos) {
    outstanding = writes;
    deadlineNanos = scheduler.nanoTime() + Math.min(MAX_NANOS, 2 * tookNanos);
  }

  /** The next commit starts, for whatever reason. */
  void end() {
    outstanding = 0;
    wanted = false;
  }

  /** Whether a write that wants a commit has to wait; if so, the commit starts by itself. */
  boolean mustWait() {
    if (outstanding == 0 || scheduler.nanoTime() - deadlineNanos >= 0) {
      return false;
    }
    wanted = true;
    ticksWithoutPause = 0;
    if (clock == null) {
      clock = scheduler.repeat(tick, TICK_NANOS);
    }
    return true;
  }

  /** Some write began; not necessarily of a client that was let go, but as good as one. */
  void writeStarted() {
    if (outstanding > 0 && --outstanding == 0 && wanted) {
      wanted = false;
      start.run();
    }
  }

  private void tick() {
    if (wanted && scheduler.nanoTime() - deadlineNanos >= 0) {
      end();
      start.run();
    } else if (!wanted && ++ticksWithoutPause >= TICKS_WITHOUT_PAUSE && clock != null) {
      clock.cancel();
      clock = null;
    }
  }
}
