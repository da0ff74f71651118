package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Puts a new member in the place of another. */
@Command(
    name = "replace",
    description = {
      "Copies a member of a running array to a new one while it goes on serving; the new one takes its",
      "place when it has everything, and the array is never without a copy it had."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror replace data /dev/sdb /dev/sdd",
    })
final class ReplaceCommand implements Callable<Integer> {
  @Mixin private RunningArray array = new RunningArray();

  @Parameters(
      index = "1",
      paramLabel = "OLD",
      description = "The member that is to go, by any name of its file.")
  private Path old = Path.of("");

  @Parameters(index = "2", paramLabel = "NEW", description = "An existing file or block device.")
  private Path replacement = Path.of("");

  @Option(names = "--force", description = "Overwrite whatever the file carries.")
  private boolean force;

  @Override
  public Integer call() throws IOException {
    return array.change(
        "/members/replace",
        new AdminDocuments.Replacement(
            RunningArray.member(old), RunningArray.member(replacement), force));
  }
}
