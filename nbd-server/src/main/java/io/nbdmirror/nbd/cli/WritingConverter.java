package io.nbdmirror.nbd.cli;

import io.nbdmirror.io.held.Writing;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** {@code auto}, {@code raw} or {@code file}. */
final class WritingConverter implements ITypeConverter<Writing> {
  @Override
  public Writing convert(String value) {
    for (Writing writing : Writing.values()) {
      if (writing.toString().equals(value)) {
        return writing;
      }
    }
    throw new TypeConversionException("it is auto, raw or file, not '" + value + "'");
  }
}
