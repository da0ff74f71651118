package io.nbdmirror.nbd.cli;

import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Sizes and times as mdadm writes them. */
final class MdWords {
  private static final DateTimeFormatter CTIME =
      DateTimeFormatter.ofPattern("EEE MMM ppd HH:mm:ss yyyy", Locale.ROOT);

  /** Below this mdadm says nothing more about a size. */
  private static final long LEAST_BYTES = 5000 * 1024;

  private static final long GIB = 1L << 30;
  private static final long TIB = 1L << 40;

  private MdWords() {}

  /** A size in two units with a space before it, or nothing when it is small. */
  static String humanSize(long bytes) {
    if (bytes < LEAST_BYTES) {
      return "";
    }
    if (bytes < 2 * GIB) {
      return inUnits(bytes, 1 << 20, "MiB", 1_000_000, "MB");
    }
    return bytes < 2 * TIB
        ? inUnits(bytes, GIB, "GiB", 1_000_000_000, "GB")
        : inUnits(bytes, TIB, "TiB", 1_000_000_000_000L, "TB");
  }

  private static String inUnits(
      long bytes, long binary, String binaryName, long decimal, String decimalName) {
    // Hundredths, rounded half up, without the overflow that bytes times 200 would have.
    long inBinary = (bytes / binary * 200 + (long) (bytes % binary * 200.0 / binary) + 1) / 2;
    long inDecimal = (bytes / (decimal / 200) + 1) / 2;
    return String.format(
        Locale.ROOT,
        " (%d.%02d %s %d.%02d %s)",
        inBinary / 100,
        inBinary % 100,
        binaryName,
        inDecimal / 100,
        inDecimal % 100,
        decimalName);
  }

  /** As C's ctime, in the local time zone. */
  static String time(long micros) {
    return CTIME.format(Instant.ofEpochSecond(micros / 1_000_000).atZone(ZoneId.systemDefault()));
  }

  /** A chunk size in its largest whole unit. */
  static String chunk(long bytes) {
    String[] units = {"B", "KB", "MB", "GB", "TB"};
    int unit = 0;
    long left = bytes;
    while (left >>> 10 != 0 && unit < units.length - 1) {
      left >>>= 10;
      unit++;
    }
    return left + " " + units[unit];
  }
}
