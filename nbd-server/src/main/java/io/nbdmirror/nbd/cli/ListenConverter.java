package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.listen.ListenAddress;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads an address that NBD clients connect to. */
final class ListenConverter implements ITypeConverter<ListenAddress> {
  @Override
  public ListenAddress convert(String text) {
    try {
      return ListenAddress.parse(text);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }
}
