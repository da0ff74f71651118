package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import io.nbdmirror.nbd.admin.AdminJson;
import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Takes the bitmap of a running array away. */
@Command(
    name = "remove",
    description = {
      "Takes the write-intent bitmap of a running array away; its file, if it was in one, stays.",
      "Without a bitmap an unclean stop means a full resync."
    },
    footer = {"", "Examples:", "  nbdmirror bitmap remove data"})
final class BitmapRemoveCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Parameters(paramLabel = "ARRAY", description = "Its name or UUID.")
  private String array = "";

  @Override
  public Integer call() throws IOException {
    byte[] answer = server.client().post(RunningServer.arrayPath(array, "/bitmap/remove"));
    AdminDocuments.BitmapChanged changed =
        AdminJson.read(answer, AdminDocuments.BitmapChanged.class);
    Objects.requireNonNull(spec)
        .commandLine()
        .getOut()
        .println("array %s: bitmap %s".formatted(changed.array(), changed.bitmap()));
    return NbdMirrorCommand.EXIT_DONE;
  }
}
