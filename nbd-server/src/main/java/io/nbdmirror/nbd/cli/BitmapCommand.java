package io.nbdmirror.nbd.cli;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What can be done about write-intent bitmaps. */
@Command(
    name = "bitmap",
    description = "Adds, moves, removes and shows write-intent bitmaps.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      BitmapAddCommand.class,
      BitmapRemoveCommand.class,
      BitmapShowCommand.class,
      BitmapReleaseCommand.class,
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror bitmap add data internal",
      "  nbdmirror bitmap add data /var/lib/nbdmirror/data.bitmap --bitmap-chunk 64K",
      "  nbdmirror bitmap show data",
      "  nbdmirror bitmap remove data",
      "  nbdmirror bitmap release /var/lib/nbdmirror/data.bitmap",
    })
final class BitmapCommand implements Runnable {
  @Spec private @Nullable CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(
        Objects.requireNonNull(spec).commandLine(), "which bitmap command?");
  }
}
