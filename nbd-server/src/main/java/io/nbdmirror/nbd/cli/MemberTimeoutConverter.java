package io.nbdmirror.nbd.cli;

import java.time.Duration;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads how long a member may hang; less than a second would take a busy disk for a dead one. */
final class MemberTimeoutConverter implements ITypeConverter<Duration> {
  private static final Duration MIN = Duration.ofSeconds(1);
  private static final Duration MAX = Duration.ofHours(24);

  @Override
  public Duration convert(String text) {
    Duration time = new DurationConverter().convert(text);
    if (time.compareTo(MIN) < 0 || time.compareTo(MAX) > 0) {
      throw new TypeConversionException(
          "'" + text + "' is not a time-out from 1 second to 24 hours");
    }
    return time;
  }
}
