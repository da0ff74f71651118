package io.nbdmirror.nbd.cli;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Numbers as people read them. */
final class Amounts {
  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss 'UTC'", Locale.ROOT)
          .withZone(ZoneOffset.UTC);
  private static final int MINUTE_SECONDS = 60;
  private static final int HOUR_SECONDS = 3600;

  private Amounts() {}

  /** Exact where it can be, {@code 64 MiB}, else with one decimal, {@code 1.5 GiB}. */
  static String bytes(long bytes) {
    int unit = 0;
    double amount = bytes;
    while (Math.abs(amount) >= 1024 && unit < UNITS.length - 1) {
      amount /= 1024;
      unit++;
    }
    String digits =
        amount == Math.rint(amount)
            ? Long.toString((long) amount)
            : String.format(Locale.ROOT, "%.1f", amount);
    return digits + " " + UNITS[unit];
  }

  /** As {@code 50.0%}; nothing of nothing is all of it. */
  static String percent(long done, long total) {
    return String.format(Locale.ROOT, "%.1f%%", total <= 0 ? 100.0 : 100.0 * done / total);
  }

  /** Down to the second: {@code 1 h 5 min}, {@code 12 s}. */
  static String duration(long seconds) {
    if (seconds >= HOUR_SECONDS) {
      return "%d h %d min"
          .formatted(seconds / HOUR_SECONDS, seconds % HOUR_SECONDS / MINUTE_SECONDS);
    }
    return seconds >= MINUTE_SECONDS
        ? "%d min %d s".formatted(seconds / MINUTE_SECONDS, seconds % MINUTE_SECONDS)
        : seconds + " s";
  }

  /**
   * A point in time, in UTC.
   *
   * @param micros since 1970
   */
  static String time(long micros) {
    return TIME.format(Instant.ofEpochSecond(micros / 1_000_000));
  }

  /** {@code 1 error}, {@code 2 errors}. */
  static String count(long number, String noun) {
    return number + " " + noun + (number == 1 ? "" : "s");
  }
}
