package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminJson;
import io.nbdmirror.raid.status.ArrayDetail;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** What {@code mdadm --detail} tells. */
@Command(
    name = "detail",
    description = "Shows all there is to know about one array of a running server.",
    footer = {"", "Examples:", "  nbdmirror detail data"})
final class DetailCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Parameters(paramLabel = "ARRAY", description = "Its name or UUID.")
  private String array = "";

  @Override
  public Integer call() throws IOException {
    byte[] document = server.client().get(RunningServer.arrayPath(array, ""));
    PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
    out.print(DetailText.of(AdminJson.read(document, ArrayDetail.class)));
    out.flush();
    return NbdMirrorCommand.EXIT_DONE;
  }
}
