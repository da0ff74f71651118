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
        "/members/fail",
        new AdminDocuments.OneMember(RunningServer.member(member), false));
  }
}
