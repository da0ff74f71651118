package io.nbdmirror.raid.membership;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** Changes of an array one after the other, in the order they were asked for. On one loop. */
public final class ChangeQueue {
  /** One change. */
  @FunctionalInterface
  public interface Change {
    /**
     * Makes it, now or over time.
     *
     * @param ended to be run once, when it has been made or given up
     */
    void make(Runnable ended);
  }

  private final ArrayDeque<Change> waiting = new ArrayDeque<>();
  private boolean running;
  private @Nullable Runnable whenIdle;

  /** Makes a change when those asked for before have ended. */
  public void add(Change change) {
    waiting.add(change);
    if (!running) {
      next();
    }
  }

  /** Whether a change is being made or waits. */
  public boolean isBusy() {
    return running;
  }

  /** Runs {@code task} once no change is being made; at once if that is so. */
  public void whenIdle(Runnable task) {
    assert whenIdle == null : "two wait for the same changes to end";
    if (running) {
      whenIdle = task;
    } else {
      task.run();
    }
  }

  private void next() {
    Change change = waiting.poll();
    running = change != null;
    if (change != null) {
      change.make(this::next);
    } else if (whenIdle != null) {
      Runnable task = whenIdle;
      whenIdle = null;
      task.run();
    }
  }
}
