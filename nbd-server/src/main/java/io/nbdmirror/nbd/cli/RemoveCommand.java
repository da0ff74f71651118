package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Lets a member of a running array go. */
@Command(
    name = "remove",
    description = {
      "Lets a faulty member or a spare of a running array go, and closes its file.",
      "A member that is in use is refused: fail it first."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror fail data /dev/sdb && nbdmirror remove data /dev/sdb",
    })
final class RemoveCommand implements Callable<Integer> {
  @Mixin private RunningArray array = new RunningArray();

  @Parameters(
      index = "1",
      paramLabel = "MEMBER",
      description = "The member, by any name of its file.")
  private Path member = Path.of("");

  @Override
  public Integer call() throws IOException {
    return array.change(
        "/members/remove", new AdminDocuments.OneMember(RunningArray.member(member), false));
  }
}
