package io.nbdmirror.nbd.scrub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.ZonedDateTime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ScrubScheduleTest {
  @ParameterizedTest
  @CsvSource({
    // 2026-03-01 is a Sunday.
    "daily,     2026-03-01T02:59, 2026-03-01T03:00",
    "daily,     2026-03-01T03:00, 2026-03-02T03:00",
    "weekly,    2026-03-01T02:59, 2026-03-01T03:00",
    "weekly,    2026-03-01T03:00, 2026-03-08T03:00",
    "monthly,   2026-03-01T02:59, 2026-03-01T03:00",
    "monthly,   2026-03-01T03:00, 2026-04-05T03:00",
    "Wed 23:30, 2026-03-01T03:00, 2026-03-04T23:30",
    "4:05,      2026-03-01T03:00, 2026-03-01T04:05",
  })
  void theNextTimeComesByTheCalendar(String schedule, String after, String next) {
    assertThat(ScrubSchedule.parse(schedule).next(time(after))).isEqualTo(time(next));
  }

  @Test
  void aTimeThatTheClockSkipsInSpringIsNotLost() {
    assertThat(ScrubSchedule.parse("02:30").next(time("2026-03-28T12:00")))
        .isEqualTo(time("2026-03-29T03:30"));
  }

  @Test
  void offIsNever() {
    assertThat(ScrubSchedule.parse("off").next(time("2026-03-01T03:00"))).isNull();
  }

  @ParameterizedTest
  @CsvSource({
    "off,off",
    "daily,03:00",
    "weekly,Sun 03:00",
    "monthly,monthly",
    "fri 7:05,Fri 07:05"
  })
  void aScheduleIsWrittenAsItIsRead(String text, String written) {
    assertThat(ScrubSchedule.parse(text)).hasToString(written);
    assertThat(ScrubSchedule.parse(written)).isEqualTo(ScrubSchedule.parse(text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "yearly", "24:00", "3:60", "Sunday 03:00", "Sun", "Sun 3"})
  void anythingElseIsASentence(String text) {
    assertThatThrownBy(() -> ScrubSchedule.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "'" + text + "' is no schedule: say off, daily, weekly, monthly, 03:00 or 'Sun 03:00'");
  }

  private static ZonedDateTime time(String local) {
    return ZonedDateTime.parse(
        local + (local.compareTo("2026-03-29T03") < 0 ? "+01:00" : "+02:00") + "[Europe/Berlin]");
  }
}
