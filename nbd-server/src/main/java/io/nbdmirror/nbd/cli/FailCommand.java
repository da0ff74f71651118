package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Leaves a member of a running array out, as if it had failed. */
@Command(
    name = "fail",
    description = {
      "Leaves a member of a running array out, as if it had failed. The last one in sync is refused.",
      "A spare, if there is one, is rebuilt in its place."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror fail data /dev/sdb",
    })
final class FailCommand implements Callable<Integer> {
  @Mixin private RunningArray array = new RunningArray();

  @Parameters(
      index = "1",
      paramLabel = "MEMBER",
      description = "The member, by any name of its file.")
  private Path member = Path.of("");

  @Override
  public Integer call() throws IOException {
    return array.change(
        "/members/fail", new AdminDocuments.OneMember(RunningArray.member(member), false));
  }
}
