package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Gives a running array a new member. */
@Command(
    name = "add",
    description = {
      "Gives a running array a new member: a spare or, if a member is lacking, one that is rebuilt",
      "at once. What is on it is lost; a file that carries something is refused without --force."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror add data /dev/sdd",
      "  nbdmirror add data m2.img --force",
    })
final class AddCommand implements Callable<Integer> {
  @Mixin private RunningArray array = new RunningArray();

  @Parameters(index = "1", paramLabel = "MEMBER", description = "An existing file or block device.")
  private Path member = Path.of("");

  @Option(names = "--force", description = "Overwrite whatever the file carries.")
  private boolean force;

  @Override
  public Integer call() throws IOException {
    return array.change(
        "/members/add", new AdminDocuments.OneMember(RunningArray.member(member), force));
  }
}
