package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

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
  @Mixin private RunningArray array = new RunningArray();

  @Option(
      names = "--from",
      paramLabel = "MEMBER",
      description = "The member whose data is right, by any name of its file.")
  private @Nullable Path from;

  @Override
  public Integer call() throws IOException {
    Path right = from;
    return array.change(
        "/repair",
        new AdminDocuments.RepairSource(right == null ? null : RunningArray.member(right)));
  }
}
