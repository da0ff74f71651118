package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminClient;
import io.nbdmirror.nbd.admin.AdminDocuments;
import io.nbdmirror.nbd.admin.AdminJson;
import java.io.IOException;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Stops a running server, or one of its arrays, and waits for it. */
@Command(
    name = "stop",
    description = {
      "Stops one array of a running server cleanly, or all of them and then the server.",
      "Returns when it has stopped; the server ends with its last array.",
    },
    footer = {"", "Examples:", "  nbdmirror stop", "  nbdmirror stop data"})
final class StopCommand implements Callable<Integer> {
  private static final Duration LAST_STEPS = Duration.ofSeconds(30);

  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Parameters(
      arity = "0..1",
      paramLabel = "ARRAY",
      description = "Its name or UUID; without it, everything.")
  private @Nullable String array;

  @Override
  public Integer call() throws IOException, InterruptedException, CommandException {
    AdminClient client = server.client();
    String name = array;
    if (name != null) {
      report(client.post(RunningArray.path(name, "/stop")));
      return NbdMirrorCommand.EXIT_DONE;
    }
    AdminClient.Presence presence = client.presence();
    report(client.post("/api/v1/stop"));
    if (!presence.awaitEnd(LAST_STEPS)) {
      throw new CommandException(
          "the arrays have stopped, but the server at %s has not ended after %d s; kill it"
              .formatted(server.address(), LAST_STEPS.toSeconds()));
    }
    return NbdMirrorCommand.EXIT_DONE;
  }

  private void report(byte[] document) throws IOException {
    for (String name : AdminJson.read(document, AdminDocuments.Stopped.class).stopped()) {
      Objects.requireNonNull(spec).commandLine().getOut().println("stopped " + name);
    }
  }
}
