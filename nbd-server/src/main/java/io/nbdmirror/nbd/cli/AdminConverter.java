package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminAddress;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads an admin address. */
final class AdminConverter implements ITypeConverter<AdminAddress> {
  @Override
  public AdminAddress convert(String text) {
    try {
      return AdminAddress.parse(text);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }
}
