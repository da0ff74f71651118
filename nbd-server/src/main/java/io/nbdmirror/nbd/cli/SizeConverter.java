package io.nbdmirror.nbd.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a size in bytes: a whole number, with K, M, G or T for powers of 1024. */
public final class SizeConverter implements ITypeConverter<Long> {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,18})([KMGT]?)(?:I?B)?");
  private static final String UNITS = "KMGT";

  @Override
  public Long convert(String text) {
    Matcher size = SIZE.matcher(text.toUpperCase(Locale.ROOT));
    if (!size.matches()) {
      throw new TypeConversionException(
          "'"
              + text
              + "' is not a size: give a whole number, with K, M, G or T behind it if wanted");
    }
    int power = UNITS.indexOf(size.group(2)) + 1;
    if (size.group(2).isEmpty()) {
      power = 0;
    }
    long number = Long.parseLong(size.group(1));
    long unit = 1L << (10 * power);
    if (number > Long.MAX_VALUE / unit) {
      throw new TypeConversionException("'" + text + "' is too large for a size");
    }
    return number * unit;
  }
}
