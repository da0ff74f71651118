package io.nbdmirror.raid.event;

import org.jspecify.annotations.Nullable;

/** Counts requests that were taken and are not over yet. Used on the array's loop. */
public final class InFlight {
  private int count;
  private long started;
  private @Nullable Runnable whenIdle;

  public void start() {
    count++;
    started++;
  }

  public void end() {
    count--;
    assert count >= 0 : "more requests ended than began";
    if (count == 0 && whenIdle != null) {
      Runnable task = whenIdle;
      whenIdle = null;
      task.run();
    }
  }

  public int count() {
    return count;
  }

  /** How many ever began: whether any came in between. */
  public long started() {
    return started;
  }

  /** Runs {@code task} once nothing is in flight; at once if that is so. */
  public void whenIdle(Runnable task) {
    assert whenIdle == null : "two wait for the same requests to end";
    if (count == 0) {
      task.run();
    } else {
      whenIdle = task;
    }
  }
}
