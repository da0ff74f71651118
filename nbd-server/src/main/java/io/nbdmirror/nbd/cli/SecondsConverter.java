package io.nbdmirror.nbd.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a time in seconds: a whole number, with s, m or h behind it if wanted. */
public final class SecondsConverter implements ITypeConverter<Long> {
  private static final Pattern TIME = Pattern.compile("(\\d{1,9})([smh]?)");

  @Override
  public Long convert(String text) {
    Matcher time = TIME.matcher(text.toLowerCase(Locale.ROOT));
    if (!time.matches()) {
      throw new TypeConversionException(
          "'" + text + "' is not a time: give a whole number of seconds, as 5 or 5s");
    }
    long unit =
        switch (time.group(2)) {
          case "m" -> 60;
          case "h" -> 3600;
          default -> 1;
        };
    return Long.parseLong(time.group(1)) * unit;
  }
}
