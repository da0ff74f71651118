package io.nbdmirror.nbd.cli;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Stops a check or repair. */
@Command(
    name = "idle",
    description = {
      "Stops the check or repair of a running array; the next one goes on where it was.",
      "A resync or recovery is not stopped: it would begin again at once."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror idle data",
    })
final class IdleCommand implements Callable<Integer> {
  @Mixin private RunningArray array = new RunningArray();

  @Override
  public Integer call() throws IOException {
    return array.change("/idle", Map.of());
  }
}
