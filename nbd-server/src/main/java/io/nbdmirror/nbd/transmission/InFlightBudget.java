package io.nbdmirror.nbd.transmission;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The bytes that all connections together may have in flight. May be called on any thread.
 *
 * <p>Who gets nothing must {@link #await} and then ask once more: a release between the two would
 * otherwise go unnoticed.
 */
public final class InFlightBudget {
  public static final long DEFAULT_BYTES = 512L << 20;

  private final long limitBytes;
  private final AtomicLong usedBytes = new AtomicLong();
  private final Queue<Runnable> waiting = new ConcurrentLinkedQueue<>();

  /** The one connection that may go beyond the limit to finish a payload that has begun. */
  private final AtomicReference<@Nullable Object> finisher = new AtomicReference<>();

  public InFlightBudget(long limitBytes) {
    this.limitBytes = limitBytes;
  }

  /** Bytes in flight now. */
  public long usedBytes() {
    return usedBytes.get();
  }

  /** Takes {@code bytes} if they are there; more than the limit, if nothing else is in flight. */
  public boolean tryReserve(long bytes) {
    while (true) {
      long used = usedBytes.get();
      if (used > 0 && used + bytes > limitBytes) {
        return false;
      }
      if (usedBytes.compareAndSet(used, used + bytes)) {
        return true;
      }
    }
  }

  /** Takes {@code bytes}, within the limit or not. */
  void reserve(long bytes) {
    usedBytes.addAndGet(bytes);
  }

  /** Gives {@code bytes} back. */
  public void release(long bytes) {
    usedBytes.addAndGet(-bytes);
    wakeAll();
  }

  /** Runs {@code wake} once, on whatever thread, when there may be room. */
  void await(Runnable wake) {
    waiting.add(wake);
  }

  /**
   * Lets one connection at a time go beyond the limit. Without it, connections that each hold half
   * a payload could fill the budget and wait for each other.
   */
  boolean mayFinish(Object connection) {
    Object holder = finisher.compareAndExchange(null, connection);
    return holder == null || holder.equals(connection);
  }

  /** Gives the right of {@link #mayFinish} back; does nothing if {@code connection} has it not. */
  void finished(Object connection) {
    if (finisher.compareAndSet(connection, null)) {
      wakeAll();
    }
  }

  private void wakeAll() {
    if (waiting.isEmpty()) {
      return;
    }
    // Only those who waited before: a woken one that queues again would make this endless.
    for (int n = waiting.size(); n > 0; n--) {
      Runnable wake = waiting.poll();
      if (wake == null) {
        return;
      }
      wake.run();
    }
  }
}
