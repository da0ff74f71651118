package io.nbdmirror.nbd.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** How fast resync, recovery, check and repair may be, in bytes of the array a second. */
@Command
final class SpeedFlags {
  @Option(
      names = "--speed-min",
      paramLabel = "BYTES",
      defaultValue = "1M",
      converter = SizeConverter.class,
      description =
          "Bytes a second below which clients do not slow resync and the like down"
              + " (default: ${DEFAULT-VALUE}).")
  private long min = 1 << 20;

  @Option(
      names = "--speed-max",
      paramLabel = "BYTES",
      converter = SizeConverter.class,
      description = "Bytes a second that resync and the like never exceed (default: no limit).")
  private long max = Long.MAX_VALUE;

  long min() {
    return min;
  }

  long max() {
    return max;
  }

  /**
   * @throws IllegalArgumentException with a sentence when nothing can be so fast
   */
  void requireOrder() {
    if (max <= 0 || max < min) {
      throw new IllegalArgumentException(
          "speed-max, %d bytes a second, is less than speed-min, %d, or 0".formatted(max, min));
    }
  }
}
