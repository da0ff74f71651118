package io.nbdmirror.io.simulation;

import java.util.SplittableRandom;

/**
 * How long a simulated device takes.
 *
 * @param inlinePercent how many in a hundred requests complete before the call returns
 * @param minNanos the quickest of the others
 * @param maxNanos the slowest, exclusive
 */
public record Latency(int inlinePercent, long minNanos, long maxNanos) {
  /** A mix, as a real device gives: some at once, the rest out of order. */
  public static final Latency MIXED = new Latency(25, 5_000, 300_000);

  /** Every request completes before the call returns. */
  public static final Latency INLINE = new Latency(100, 0, 1);

  /** Every request completes later. */
  public static final Latency LATER = new Latency(0, 5_000, 300_000);

  boolean inline(SplittableRandom random) {
    return random.nextInt(100) < inlinePercent;
  }

  long nanos(SplittableRandom random) {
    return random.nextLong(minNanos, maxNanos);
  }
}
