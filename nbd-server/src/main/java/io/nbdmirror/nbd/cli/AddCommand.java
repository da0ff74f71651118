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
  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Parameters(index = "0", paramLabel = "ARRAY", description = "Its name or UUID.")
  private String array = "";

  @Parameters(index = "1", paramLabel = "MEMBER", description = "An existing file or block device.")
  private Path member = Path.of("");

  @Option(names = "--force", description = "Overwrite whatever the file carries.")
  private boolean force;

  @Override
  public Integer call() throws IOException {
    return server.change(
        Objects.requireNonNull(spec),
        array,
        "/members/add",
        new AdminDocuments.OneMember(RunningServer.member(member), force));
  }
}
