package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import io.nbdmirror.nbd.admin.AdminJson;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Who is connected. */
@Command(
    name = "clients",
    description = "Shows the NBD clients of a running server.",
    footer = {"", "Examples:", "  nbdmirror clients"})
final class ClientsCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Override
  public Integer call() throws IOException {
    AdminDocuments.Clients document =
        AdminJson.read(server.client().get("/api/v1/clients"), AdminDocuments.Clients.class);
    PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
    out.print(ClientsText.of(document.clients()));
    out.flush();
    return NbdMirrorCommand.EXIT_DONE;
  }
}
