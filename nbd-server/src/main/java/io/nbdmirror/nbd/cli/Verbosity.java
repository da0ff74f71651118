package io.nbdmirror.nbd.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Option;

/** How much a command that serves tells in its log. */
final class Verbosity {
  @Option(
      names = {"-v", "--verbose"},
      description = "Log what each connection does as well.")
  private boolean verbose;

  /** Takes effect at once, for the whole process. */
  void apply() {
    if (verbose && LoggerFactory.getLogger("io.nbdmirror") instanceof Logger ours) {
      ours.setLevel(Level.DEBUG);
    }
  }
}
