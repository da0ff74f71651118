package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Changes how a running array, or a member of it, is used. */
@Command(
    name = "set",
    description = {
      "Changes how a member of a running array is used, which its superblock remembers; or how fast"
          + " resync, recovery, check and repair may be, until the server ends.",
      "Of the two speeds, one that is not given becomes the usual one."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror set data /dev/sdb --write-mostly",
      "  nbdmirror set data /dev/sdb --no-write-mostly",
      "  nbdmirror set data --speed-min 10M --speed-max 200M",
    })
final class SetCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningArray array = new RunningArray();

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "MEMBER",
      description = "For --write-mostly: the member, by any name of its file.")
  private @Nullable Path member;

  @Option(
      names = "--write-mostly",
      negatable = true,
      description =
          "Read from it only when no other can be read; or, with no-, as from the others.")
  private @Nullable Boolean writeMostly;

  @ArgGroup(exclusive = false)
  private @Nullable SpeedFlags speed;

  @Override
  public Integer call() throws IOException {
    CommandSpec command = Objects.requireNonNull(spec);
    Path path = member;
    Boolean flag = writeMostly;
    SpeedFlags fast = speed;
    if (path != null && flag != null && fast == null) {
      return array.change(
          "/members/set", new AdminDocuments.MemberFlags(RunningArray.member(path), flag));
    }
    if (path == null && flag == null && fast != null) {
      return array.change("/speed", new AdminDocuments.SyncSpeed(fast.min(), fast.max()));
    }
    throw new ParameterException(
        command.commandLine(),
        "set takes a member with --write-mostly or --no-write-mostly, or else --speed-min and"
            + " --speed-max");
  }
}
