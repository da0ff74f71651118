package io.nbdmirror.io.held;

import java.util.Locale;

/** How a held file is to be written. Prints as the command line has it. */
public enum Writing {
  /** Raw where that is safe and permitted, else through the filesystem. */
  AUTO,
  /** To its blocks on the device below, past its filesystem, or not at all. */
  RAW,
  /** Through its filesystem. */
  FILE;

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
