package io.nbdmirror.nbd.cli;

import io.nbdmirror.io.held.HeldFile;
import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Frees a bitmap file that a killed server left protected. */
@Command(
    name = "release",
    description = {
      "Frees a bitmap file that a killed server left protected, so that it can be moved or removed.",
      "The next server takes it over without this. A file that is in use is refused."
    },
    footer = {"", "Examples:", "  nbdmirror bitmap release /var/lib/nbdmirror/data.bitmap"})
final class BitmapReleaseCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Parameters(paramLabel = "FILE", description = "The file.")
  private String path = "";

  @Override
  public Integer call() throws IOException, CommandException, InterruptedException {
    // Whatever else it is, it is not ours to free.
    BitmapFile.read(path);
    boolean released = HeldFile.release(path);
    Objects.requireNonNull(spec)
        .commandLine()
        .getOut()
        .println(path + (released ? ": released" : ": was not protected"));
    return NbdMirrorCommand.EXIT_DONE;
  }
}
