package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.serve.ArrayOptions;
import java.time.Duration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * How an array is served: on the command line for all, in a configuration file for each as well.
 */
@Command
final class ArrayFlags {
  @Option(
      names = "--degraded",
      description = "Start although a member is absent that was in sync when last seen.")
  private boolean degraded;

  @Option(
      names = "--member-timeout",
      paramLabel = "TIME",
      defaultValue = "30s",
      converter = MemberTimeoutConverter.class,
      description =
          "Fail a member that leaves a request unanswered for so long (default: ${DEFAULT-VALUE}).")
  private Duration memberTimeout = ArrayOptions.USUAL.memberTimeout();

  ArrayOptions options() {
    return new ArrayOptions(degraded, memberTimeout);
  }
}
