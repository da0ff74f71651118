package io.nbdmirror.nbd.scrub;

import java.time.DayOfWeek;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.ZonedDateTime;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * When an array is checked: never, every day, every week, or once a month. Immutable.
 *
 * @param day null when any will do
 * @param monthly the first such day of a month alone
 * @param time null for never
 */
public record ScrubSchedule(@Nullable DayOfWeek day, boolean monthly, @Nullable LocalTime time) {
  /** Not by itself. */
  public static final ScrubSchedule OFF = new ScrubSchedule(null, false, null);

  private static final LocalTime USUAL_TIME = LocalTime.of(3, 0);
  private static final int DAYS_OF_A_WEEK = 7;
  private static final Pattern TIME =
      Pattern.compile("(?:(mon|tue|wed|thu|fri|sat|sun) )?([01]?\\d|2[0-3]):([0-5]\\d)");
  private static final Map<String, DayOfWeek> DAYS =
      Map.of(
          "mon", DayOfWeek.MONDAY,
          "tue", DayOfWeek.TUESDAY,
          "wed", DayOfWeek.WEDNESDAY,
          "thu", DayOfWeek.THURSDAY,
          "fri", DayOfWeek.FRIDAY,
          "sat", DayOfWeek.SATURDAY,
          "sun", DayOfWeek.SUNDAY);

  /**
   * Reads {@code off}, {@code daily}, {@code weekly}, {@code monthly}, a time of day as {@code
   * 03:00}, or one on a day of the week as {@code Sun 03:00}.
   *
   * @throws IllegalArgumentException with a sentence when it is none of these
   */
  public static ScrubSchedule parse(String text) {
    String words = text.strip().toLowerCase(Locale.ROOT);
    return switch (words) {
      case "off" -> OFF;
      case "daily" -> new ScrubSchedule(null, false, USUAL_TIME);
      case "weekly" -> new ScrubSchedule(DayOfWeek.SUNDAY, false, USUAL_TIME);
      case "monthly" -> new ScrubSchedule(DayOfWeek.SUNDAY, true, USUAL_TIME);
      default -> atTime(text, words);
    };
  }

  private static ScrubSchedule atTime(String text, String words) {
    Matcher time = TIME.matcher(words);
    if (!time.matches()) {
      throw new IllegalArgumentException(
          "'" + text + "' is no schedule: say off, daily, weekly, monthly, 03:00 or 'Sun 03:00'");
    }
    DayOfWeek day = time.group(1) == null ? null : DAYS.get(time.group(1));
    return new ScrubSchedule(
        day,
        false,
        LocalTime.of(Integer.parseInt(time.group(2), 10), Integer.parseInt(time.group(3), 10)));
  }

  /** The first time after that one, where {@code after} is; null for never. */
  public @Nullable ZonedDateTime next(ZonedDateTime after) {
    if (time == null) {
      return null;
    }
    LocalDate date = after.toLocalDate();
    while (true) {
      // Where a clock is put forward over the time, the time is what the clock says then.
      ZonedDateTime candidate = ZonedDateTime.of(date, time, after.getZone());
      if (isOn(date) && candidate.isAfter(after)) {
        return candidate;
      }
      date = date.plusDays(1);
    }
  }

  private boolean isOn(LocalDate date) {
    return (day == null || date.getDayOfWeek() == day)
        && (!monthly || date.getDayOfMonth() <= DAYS_OF_A_WEEK);
  }

  /** As {@link #parse} reads it. */
  @Override
  public String toString() {
    if (time == null) {
      return "off";
    }
    if (monthly) {
      return "monthly";
    }
    String name =
        day == null
            ? ""
            : day.name().charAt(0) + day.name().substring(1, 3).toLowerCase(Locale.ROOT) + " ";
    return name + "%02d:%02d".formatted(time.getHour(), time.getMinute());
  }
}
