package io.nbdmirror.raid.member;

/**
 * How many read errors a member had lately: a count that is halved every hour, as md's (raid1-10.c,
 * {@code check_decay_read_errors}), but also while errors keep coming.
 */
public final class ReadErrorRate {
  /** More than this is too many; md's {@code max_read_errors}. */
  public static final int MAX_ERRORS = 20;

  private static final long HOUR_NANOS = 3_600_000_000_000L;

  private long errors;
  private long hourStartNanos;

  /**
   * Counts one.
   *
   * @return whether that was one too many
   */
  public boolean count(long nowNanos) {
    long hours = (nowNanos - hourStartNanos) / HOUR_NANOS;
    if (errors == 0 || hours >= Long.SIZE) {
      errors = 0;
      hourStartNanos = nowNanos;
    } else {
      errors >>= hours;
      hourStartNanos += hours * HOUR_NANOS;
    }
    errors++;
    return errors > MAX_ERRORS;
  }
}
