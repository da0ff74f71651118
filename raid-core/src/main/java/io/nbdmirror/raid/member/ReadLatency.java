package io.nbdmirror.raid.member;

/**
 * How long a member takes to read, as a moving average over its last few dozen reads. Long reads
 * are brought down to what a short one would have taken, so that a member that serves a stream is
 * not taken for a slow one.
 */
public final class ReadLatency {
  /** Each sample counts for one part in {@code 1 << WEIGHT_SHIFT}. */
  private static final int WEIGHT_SHIFT = 3;

  /** A read of this many bytes is worth two short ones. */
  private static final int SHORT_BYTES = 64 << 10;

  private long averageNanos;
  private long lastSampleNanos;
  private long samples;

  /** A read has ended. */
  public void sample(long nowNanos, long tookNanos, long lengthBytes) {
    long unit = Math.max(0, tookNanos) / (1 + lengthBytes / SHORT_BYTES);
    averageNanos = samples == 0 ? unit : averageNanos + ((unit - averageNanos) >> WEIGHT_SHIFT);
    lastSampleNanos = nowNanos;
    samples++;
  }

  /** Nanoseconds a short read takes; 0 when nothing is known yet. */
  public long averageNanos() {
    return averageNanos;
  }

  /** When it was last seen at work; meaningful once there are {@link #samples}. */
  public long lastSampleNanos() {
    return lastSampleNanos;
  }

  public long samples() {
    return samples;
  }
}
