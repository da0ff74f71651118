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

/** Changes how a member of a running array is used. */
@Command(
    name = "set",
    description = {
      "Changes how a member of a running array is used. It is remembered in its superblock."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror set data /dev/sdb --write-mostly",
      "  nbdmirror set data /dev/sdb --no-write-mostly",
    })
final class SetCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Parameters(index = "0", paramLabel = "ARRAY", description = "Its name or UUID.")
  private String array = "";

  @Parameters(
      index = "1",
      paramLabel = "MEMBER",
      description = "The member, by any name of its file.")
  private Path member = Path.of("");

  @Option(
      names = "--write-mostly",
      negatable = true,
      required = true,
      description =
          "Read from it only when no other can be read; or, with no-, as from the others.")
  private boolean writeMostly;

  @Override
  public Integer call() throws IOException {
    return server.change(
        Objects.requireNonNull(spec),
        array,
        "/members/set",
        new AdminDocuments.MemberFlags(RunningServer.member(member), writeMostly));
  }
}
