package io.nbdmirror.nbd.cli;

import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

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
  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Parameters(paramLabel = "ARRAY", description = "Its name or UUID.")
  private String array = "";

  @Override
  public Integer call() throws IOException {
    return server.change(Objects.requireNonNull(spec), array, "/idle", Map.of());
  }
}
