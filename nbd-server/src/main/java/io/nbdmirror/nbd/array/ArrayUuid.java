package io.nbdmirror.nbd.array;

import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;

/** Reads an array's UUID the way people have it: as mdadm writes it, or with dashes. */
public final class ArrayUuid {
  private static final Pattern SEPARATORS = Pattern.compile("[:-]");
  private static final Pattern DIGITS = Pattern.compile("[0-9a-fA-F]{32}");

  private ArrayUuid() {}

  /** Empty when {@code text} is none. */
  public static Optional<UUID> parse(String text) {
    String digits = SEPARATORS.matcher(text).replaceAll("");
    return DIGITS.matcher(digits).matches()
        ? Optional.of(
            new UUID(
                Long.parseUnsignedLong(digits, 0, 16, 16),
                Long.parseUnsignedLong(digits, 16, 32, 16)))
        : Optional.empty();
  }
}
