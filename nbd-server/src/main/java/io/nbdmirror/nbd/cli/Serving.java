package io.nbdmirror.nbd.cli;

import io.nbdmirror.io.engine.FlushPath;
import io.nbdmirror.nbd.listen.ListenAddress;
import io.nbdmirror.nbd.serve.ServeOptions;
import io.nbdmirror.nbd.serve.Server;
import io.nbdmirror.nbd.serve.StartException;
import io.nbdmirror.nbd.serve.Startup;
import io.nbdmirror.nbd.serve.StopSignals;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** A server in the foreground, from its start to its end; what serve and demo have in common. */
final class Serving {
  private Serving() {}

  /**
   * Serves until a signal or the admin API stops it.
   *
   * @param out told where the server listens, a line each, and then {@code ready}
   * @param whenReady called after that
   * @throws CommandException when it cannot start, or could not leave every array clean
   */
  static void run(ServeOptions options, PrintWriter out, Consumer<Server> whenReady)
      throws CommandException, InterruptedException {
    CompletableFuture<Server> started = new CompletableFuture<>();
    StopSignals.handle(() -> {
      var _ = started.thenAccept(Server::stop);
    });
    FlushPath.serve();
    Server server = start(options);
    for (ListenAddress address : server.listening()) {
      out.println("listening nbd " + announced(address));
    }
    out.println("listening admin http " + server.adminAddress());
    out.println("ready");
    out.flush();
    whenReady.accept(server);
    started.complete(server);
    List<String> failures = server.awaitEnd();
    if (!failures.isEmpty()) {
      throw new CommandException(String.join("; ", failures));
    }
  }

  private static Server start(ServeOptions options) throws CommandException, InterruptedException {
    try {
      return new Startup(options, System.getenv(), ProgramVersion.current()).run();
    } catch (StartException e) {
      throw new CommandException(String.valueOf(e.getMessage()));
    }
  }

  /** As {@code tcp 127.0.0.1:10809} or {@code unix PATH}. */
  private static String announced(ListenAddress address) {
    return address.toString().replaceFirst(":", " ");
  }
}
