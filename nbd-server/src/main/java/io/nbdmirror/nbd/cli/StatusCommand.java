package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminClient;
import io.nbdmirror.nbd.admin.AdminDocuments;
import io.nbdmirror.nbd.admin.AdminJson;
import java.io.Console;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What {@code /proc/mdstat} tells. */
@Command(
    name = "status",
    description = "Shows the arrays of a running server: their state, members, bitmap and resync.",
    footer = {
      "",
      "Examples:",
      "  nbdmirror status",
      "  nbdmirror status --watch",
      "  nbdmirror status --json | jq '.arrays[].state'",
    })
final class StatusCommand implements Callable<Integer> {
  private static final String CLEAR_SCREEN = "\033[H\033[2J";

  @Spec private @Nullable CommandSpec spec;

  @Mixin private RunningServer server = new RunningServer();

  @Option(names = "--json", description = "One JSON document instead of text.")
  private boolean json;

  @Option(names = "--watch", description = "Show it again every second, until interrupted.")
  private boolean watch;

  @Override
  public Integer call() throws IOException, InterruptedException {
    AdminClient client = server.client();
    PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
    boolean screen = watch && !json && isTerminal();
    CountDownLatch never = new CountDownLatch(1);
    do {
      byte[] document = client.get("/api/v1/arrays");
      out.print(screen ? CLEAR_SCREEN : "");
      out.print(
          json
              ? new String(document, StandardCharsets.UTF_8) + "\n"
              : StatusText.of(AdminJson.read(document, AdminDocuments.Arrays.class).arrays()));
      out.flush();
    } while (watch && !never.await(1, TimeUnit.SECONDS));
    return NbdMirrorCommand.EXIT_DONE;
  }

  @SuppressWarnings("SystemConsoleNull")
  private static boolean isTerminal() {
    Console console = System.console();
    return console != null && console.isTerminal();
  }
}
