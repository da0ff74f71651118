package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Has the members of a running array made the same. */
@Command(
    name = "repair",
    description = {
      "Has the members of a running array made the same where they differ, while it is used.",
      "Without --from the data is right that resync would take: the lowest slot's."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror repair data",
      "  nbdmirror repair data --from /dev/sdc",
    })
final class RepairCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Parameters(paramLabel = "ARRAY", description = "Its name or UUID.")
  private String array = "";

  @Option(
      names = "--from",
      paramLabel = "MEMBER",
      description = "The member whose data is right, by any name of its file.")
  private @Nullable Path from;

  @Override
  public Integer call() throws IOException {
    Path right = from;
    return server.change(
        Objects.requireNonNull(spec),
        array,
        "/repair",
        new AdminDocuments.RepairSource(right == null ? null : RunningServer.member(right)));
  }
}
