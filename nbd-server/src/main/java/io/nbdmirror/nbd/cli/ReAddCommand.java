package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Takes a former member of a running array back. */
@Command(
    name = "re-add",
    description = {
      "Takes a former member of a running array back, and copies to it only what the write-intent",
      "bitmap marks. Where that would not be all it lacks, it is refused with the reason: use add then."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror re-add data /dev/sdb",
    })
final class ReAddCommand implements Callable<Integer> {
  @Mixin private RunningArray array = new RunningArray();

  @Parameters(
      index = "1",
      paramLabel = "MEMBER",
      description = "A file or block device that was a member.")
  private Path member = Path.of("");

  @Override
  public Integer call() throws IOException {
    return array.change(
        "/members/re-add", new AdminDocuments.OneMember(RunningArray.member(member), false));
  }
}
