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
  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Parameters(index = "0", paramLabel = "ARRAY", description = "Its name or UUID.")
  private String array = "";

  @Parameters(
      index = "1",
      paramLabel = "MEMBER",
      description = "The member, by any name of its file.")
  private Path member = Path.of("");

  @Override
  public Integer call() throws IOException {
    return server.change(
        Objects.requireNonNull(spec),
        array,
        "/members/remove",
        new AdminDocuments.OneMember(RunningServer.member(member), false));
  }
}
