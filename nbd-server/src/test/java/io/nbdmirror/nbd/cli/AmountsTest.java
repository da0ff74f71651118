package io.nbdmirror.nbd.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AmountsTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "1023, 1023 B",
    "1024, 1 KiB",
    "1536, 1.5 KiB",
    "67108864, 64 MiB",
    "1073741825, 1.0 GiB",
    "9223372036854775807, 8 EiB",
  })
  void bytesAreExactWhereTheyCanBe(long bytes, String text) {
    assertThat(Amounts.bytes(bytes)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 s",
    "59, 59 s",
    "60, 1 min 0 s",
    "3599, 59 min 59 s",
    "3600, 1 h 0 min",
    "90061, 25 h 1 min"
  })
  void durationsAreInTheUnitsThatMatter(long seconds, String text) {
    assertThat(Amounts.duration(seconds)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({"0, 100, 0.0%", "1, 3, 33.3%", "100, 100, 100.0%", "0, 0, 100.0%"})
  void nothingOfNothingIsAllOfIt(long done, long total, String text) {
    assertThat(Amounts.percent(done, total)).isEqualTo(text);
  }
}
