package io.nbdmirror.io.simulation;

import io.nbdmirror.io.Errno;
import java.util.EnumSet;
import java.util.Set;

/**
 * A rule by which requests of a simulated device go wrong: what happens, to which operations, in
 * which range, from which match on, and how often. Lasts until {@linkplain SimulatedDevice#heal
 * healed} unless {@link #times} bounds it.
 */
public final class SimulatedFault {
  private final int errno;
  private final boolean partly;
  private final boolean stuck;
  private final long extraNanos;

  private Set<Operation> operations = EnumSet.allOf(Operation.class);
  private long fromBytes;
  private long endBytes = Long.MAX_VALUE;
  private long skip;
  private long remaining = Long.MAX_VALUE;
  private long hits;

  private SimulatedFault(int errno, boolean partly, boolean stuck, long extraNanos) {
    this.errno = errno;
    this.partly = partly;
    this.stuck = stuck;
    this.extraNanos = extraNanos;
  }

  /**
   * Requests fail with this of {@link Errno} and change nothing. A flush that fails also drops what
   * it should have made durable.
   */
  public static SimulatedFault failing(int errno) {
    return new SimulatedFault(errno, false, false, 0);
  }

  /** Writes change some of their sectors, then fail with EIO. */
  public static SimulatedFault shortWrites() {
    return new SimulatedFault(Errno.EIO, true, false, 0)
        .on(Operation.WRITE, Operation.WRITE_ZEROES, Operation.DISCARD);
  }

  /** Writes change some of their sectors, then there is no room for the others. */
  public static SimulatedFault outOfSpace() {
    return new SimulatedFault(Errno.ENOSPC, true, false, 0)
        .on(Operation.WRITE, Operation.WRITE_ZEROES);
  }

  /** Requests take this much longer, and never complete inline. */
  public static SimulatedFault slow(long extraNanos) {
    return new SimulatedFault(0, false, false, extraNanos);
  }

  /** Requests take this much longer, then fail with this of {@link Errno} and change nothing. */
  public static SimulatedFault failingLate(int errno, long extraNanos) {
    return new SimulatedFault(errno, false, false, extraNanos);
  }

  /** Requests have no effect and do not complete until {@link SimulatedDevice#release}. */
  public static SimulatedFault stuck() {
    return new SimulatedFault(0, false, true, 0);
  }

  public SimulatedFault on(Operation first, Operation... more) {
    operations = EnumSet.of(first, more);
    return this;
  }

  /** Only requests that touch this range. A flush touches every range. */
  public SimulatedFault within(long offsetBytes, long lengthBytes) {
    fromBytes = offsetBytes;
    endBytes = offsetBytes + lengthBytes;
    return this;
  }

  /** Lets this many matching requests pass first. */
  public SimulatedFault after(long matches) {
    skip = matches;
    return this;
  }

  public SimulatedFault times(long count) {
    remaining = count;
    return this;
  }

  public SimulatedFault once() {
    return times(1);
  }

  /** How many requests it has hit. */
  public long hits() {
    return hits;
  }

  /** Whether it hits this request; counts it. */
  boolean hits(Operation operation, long offsetBytes, long lengthBytes) {
    boolean matches =
        operations.contains(operation)
            && (operation == Operation.FLUSH
                || (offsetBytes < endBytes && offsetBytes + lengthBytes > fromBytes));
    if (!matches || remaining == 0) {
      return false;
    }
    if (skip > 0) {
      skip--;
      return false;
    }
    remaining--;
    hits++;
    return true;
  }

  int errno() {
    return errno;
  }

  boolean partly() {
    return partly;
  }

  boolean isStuck() {
    return stuck;
  }

  long extraNanos() {
    return extraNanos;
  }
}
