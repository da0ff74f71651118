package io.nbdmirror.nbd.transmission;

/**
 * The bytes that one connection has in flight: what its requests brought or are to bring back, from
 * the receive to the socket. Bounded by its own limit and by the budget of all. Called on the
 * connection's loop only.
 */
final class InFlightWindow {
  /** What a request costs besides its payload, roughly: the objects that stand for it. */
  static final int REQUEST_BYTES = 256;

  /**
   * What a connection gets even when others have used up the budget, so that clients who stop in
   * the middle of large requests cannot stop everyone.
   */
  static final long FLOOR_BYTES = 2 << 20;

  static final long DEFAULT_LIMIT_BYTES = 64L << 20;

  private final long limitBytes;
  private final InFlightBudget budget;
  private final Runnable wake;
  private final Runnable given;
  private long usedBytes;
  private boolean awaitingBudget;

  /**
   * @param wake told, on any thread, that the budget may have room again
   * @param given told, on the connection's loop, that bytes have been given back
   */
  InFlightWindow(long limitBytes, InFlightBudget budget, Runnable wake, Runnable given) {
    this.limitBytes = limitBytes;
    this.budget = budget;
    this.wake = wake;
    this.given = given;
  }

  long usedBytes() {
    return usedBytes;
  }

  /** Whether a request of {@code bytes} fits beside the connection's others. */
  boolean fits(long bytes) {
    return usedBytes == 0 || usedBytes + bytes <= limitBytes;
  }

  /**
   * Takes {@code bytes} for a request that may wait; if false, {@code wake} or {@code given}
   * follows.
   */
  boolean tryTake(long bytes) {
    return fits(bytes) && tryTakeFromBudget(bytes);
  }

  /** Takes {@code bytes} more for a payload that has begun to arrive; if false, as above. */
  boolean tryTakeToFinish(long bytes) {
    if (tryTakeFromBudget(bytes)) {
      return true;
    }
    if (!budget.mayFinish(this)) {
      return false;
    }
    budget.reserve(bytes);
    usedBytes += bytes;
    return true;
  }

  /** The payload that had begun has arrived. */
  void finished() {
    budget.finished(this);
  }

  private boolean tryTakeFromBudget(long bytes) {
    if (usedBytes + bytes <= FLOOR_BYTES) {
      budget.reserve(bytes);
    } else if (!budget.tryReserve(bytes)) {
      if (!awaitingBudget) {
        awaitingBudget = true;
        budget.await(wake);
      }
      if (!budget.tryReserve(bytes)) {
        return false;
      }
    }
    usedBytes += bytes;
    return true;
  }

  /** The wake has come, on the connection's loop. */
  void woken() {
    awaitingBudget = false;
  }

  void give(long bytes) {
    usedBytes -= bytes;
    assert usedBytes >= 0 : usedBytes;
    budget.release(bytes);
    given.run();
  }
}
