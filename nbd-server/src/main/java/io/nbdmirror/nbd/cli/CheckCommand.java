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

/** Has the members of a running array compared. */
@Command(
    name = "check",
    description = {
      "Has the members of a running array compared, while it is used, and writes nothing. Where they",
      "differ is in status and detail, by bytes. A check that idle stopped goes on where it was."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror check data && nbdmirror status --watch",
    })
final class CheckCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Parameters(paramLabel = "ARRAY", description = "Its name or UUID.")
  private String array = "";

  @Override
  public Integer call() throws IOException {
    return server.change(Objects.requireNonNull(spec), array, "/check", Map.of());
  }
}
