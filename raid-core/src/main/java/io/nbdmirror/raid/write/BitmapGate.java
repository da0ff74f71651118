package io.nbdmirror.raid.write;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Holds writes before they touch the bitmap, so that it can be exchanged when none has bits in it:
 * every write begins and ends in the same bitmap. Open but for that moment. Used on the array's
 * loop.
 */
public final class BitmapGate {
  /** A write that was held. */
  @FunctionalInterface
  public interface Waiter {
    /** It may try again. */
    void gateOpened();
  }

  private final ArrayDeque<Waiter> held = new ArrayDeque<>();
  private boolean closed;
  private int inside;
  private @Nullable Runnable whenEmpty;

  /** Whether the write may go on; if not, it is told when it may. */
  public boolean enter(Waiter write) {
    if (closed) {
      held.add(write);
      return false;
    }
    inside++;
    return true;
  }

  /** A write that entered has its bits behind it. */
  public void leave() {
    inside--;
    assert inside >= 0 : "more writes left the bitmap than entered";
    Runnable task = whenEmpty;
    if (inside == 0 && task != null) {
      whenEmpty = null;
      task.run();
    }
  }

  /** Lets no write in; {@code empty} runs once none is inside, at once if that is so. */
  public void close(Runnable empty) {
    assert !closed : "the bitmap is exchanged twice at once";
    closed = true;
    if (inside == 0) {
      empty.run();
    } else {
      whenEmpty = empty;
    }
  }

  /** Lets those in who were held. */
  public void open() {
    closed = false;
    for (Waiter write = held.poll(); write != null; write = held.poll()) {
      write.gateOpened();
    }
  }
}
