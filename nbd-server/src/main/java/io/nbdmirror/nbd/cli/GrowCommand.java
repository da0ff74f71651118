package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Changes how many members an array has. */
@Command(
    name = "grow",
    description = {
      "Changes how many members make a running array complete: one more is a further mirror, which a",
      "spare takes or add fills; one fewer takes the last slot away, which must be empty."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror add data /dev/sdd && nbdmirror grow data --raid-devices 3",
    })
final class GrowCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Parameters(index = "0", paramLabel = "ARRAY", description = "Its name or UUID.")
  private String array = "";

  @Option(
      names = "--raid-devices",
      paramLabel = "N",
      required = true,
      description = "How many members the complete array has, 1 to 16.")
  private int raidDevices;

  @Override
  public Integer call() throws IOException {
    return server.change(
        Objects.requireNonNull(spec), array, "/grow", new AdminDocuments.Growth(raidDevices));
  }
}
