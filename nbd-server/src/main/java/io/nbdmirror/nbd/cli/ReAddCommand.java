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
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

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
  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Parameters(index = "0", paramLabel = "ARRAY", description = "Its name or UUID.")
  private String array = "";

  @Parameters(
      index = "1",
      paramLabel = "MEMBER",
      description = "A file or block device that was a member.")
  private Path member = Path.of("");

  @Override
  public Integer call() throws IOException {
    return server.change(
        Objects.requireNonNull(spec),
        array,
        "/members/re-add",
        new AdminDocuments.OneMember(RunningServer.member(member), false));
  }
}
