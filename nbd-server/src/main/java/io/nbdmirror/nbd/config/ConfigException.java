package io.nbdmirror.nbd.config;

import java.nio.file.Path;

/** A configuration file cannot be used; the message is one sentence with the file and the line. */
public final class ConfigException extends Exception {
  private static final long serialVersionUID = 1L;

  ConfigException(Path file, String why) {
    super("%s: %s".formatted(file, why));
  }

  ConfigException(Path file, int line, String why) {
    super("%s, line %d: %s".formatted(file, line, why));
  }
}
