package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminJson;
import io.nbdmirror.raid.status.ArrayDetail;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** What {@code mdadm --detail} tells. */
@Command(
    name = "detail",
    description = "Shows all there is to know about one array of a running server.",
    footer = {"", "Examples:", "  nbdmirror detail data"})
final class DetailCommand implements Callable<Integer> {
  @Mixin private RunningArray array = new RunningArray();

  @Override
  public Integer call() throws IOException {
    byte[] document = array.get("");
    PrintWriter out = array.out();
    out.print(DetailText.of(AdminJson.read(document, ArrayDetail.class)));
    out.flush();
    return NbdMirrorCommand.EXIT_DONE;
  }
}
