package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.scrub.ScrubSchedule;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads when an array is checked. */
final class ScrubConverter implements ITypeConverter<ScrubSchedule> {
  @Override
  public ScrubSchedule convert(String text) {
    try {
      return ScrubSchedule.parse(text);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }
}
