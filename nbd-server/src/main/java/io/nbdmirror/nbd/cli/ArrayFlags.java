package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.scrub.ScrubSchedule;
import io.nbdmirror.nbd.serve.ArrayOptions;
import java.time.Duration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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

  @Option(
      names = "--clean-delay",
      paramLabel = "TIME",
      defaultValue = "200ms",
      converter = DurationConverter.class,
      description =
          "Mark an array clean when nothing was written for so long; 0 for not before it is stopped"
              + " (default: ${DEFAULT-VALUE}).")
  private Duration cleanDelay = ArrayOptions.USUAL.cleanDelay();

  @Mixin private SpeedFlags speed = new SpeedFlags();

  @Option(
      names = "--scrub",
      paramLabel = "WHEN",
      defaultValue = "off",
      converter = ScrubConverter.class,
      description =
          "When members are compared: off, daily, weekly, monthly, 03:00 or 'Sun 03:00'"
              + " (default: ${DEFAULT-VALUE}).")
  private ScrubSchedule scrub = ScrubSchedule.OFF;

  /**
   * What the flags say.
   *
   * @throws IllegalArgumentException with a sentence when they contradict each other
   */
  ArrayOptions options() {
    speed.requireOrder();
    return new ArrayOptions(degraded, memberTimeout, cleanDelay, speed.min(), speed.max(), scrub);
  }
}
