package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.nbdmirror.nbd.listen.AccessRules;
import io.nbdmirror.nbd.listen.ActivatedSocket;
import io.nbdmirror.nbd.listen.ListenAddress;
import io.nbdmirror.nbd.serve.NbdOptions;
import io.nbdmirror.nbd.serve.NbdOptions.ReadOnlyExport;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The flags that say how NBD clients get at the arrays. */
final class NbdFlags {
  private static final ListenAddress DEFAULT_LISTEN = ListenAddress.parse("tcp:127.0.0.1:10809");

  @Option(
      names = "--listen",
      paramLabel = "tcp:HOST:PORT|unix:PATH[,mode=0660][,group=NAME]",
      converter = ListenConverter.class,
      description =
          "Where NBD clients connect; may be given several times, port 0 takes a free one"
              + " (default: tcp:127.0.0.1:10809; none where sockets are handed over by"
              + " LISTEN_FDS).")
  private List<ListenAddress> listen = List.of();

  @Option(
      names = "--read-only-export",
      paramLabel = "[ARRAY=]NAME",
      description =
          "Export an array once more, under NAME, for reading only; may be given several times.")
  private List<String> readOnlyExports = List.of();

  @Option(
      names = "--default-export",
      paramLabel = "NAME",
      description = "What clients get that name no export (default: the only array).")
  private @Nullable String defaultExport;

  @Option(
      names = "--handshake-timeout",
      paramLabel = "TIME",
      defaultValue = "10s",
      converter = SecondsConverter.class,
      description =
          "How long a client may take to choose an export, TLS included (default:"
              + " ${DEFAULT-VALUE}).")
  private long handshakeSeconds = 10;

  @Mixin private AccessFlags access = new AccessFlags();

  @Mixin private TlsFlags tls = new TlsFlags();

  NbdOptions options() throws CommandException {
    AccessRules rules = access.rules(tls);
    HandshakeLimits handshake =
        new HandshakeLimits(
            TimeUnit.SECONDS.toNanos(handshakeSeconds), HandshakeLimits.DEFAULT.failedOptions());
    return new NbdOptions(
        listenOn(),
        readOnlyExports.stream().map(NbdFlags::readOnlyExport).toList(),
        Optional.ofNullable(defaultExport),
        rules,
        tls.options(),
        handshake);
  }

  private List<ListenAddress> listenOn() throws CommandException {
    return listen.isEmpty() && !isActivated() ? List.of(DEFAULT_LISTEN) : listen;
  }

  /** Whether this process was handed sockets to listen on: its stdout is then someone else's. */
  static boolean isActivated() throws CommandException {
    try {
      return !ActivatedSocket.of(System.getenv()).isEmpty();
    } catch (IOException e) {
      throw new CommandException(String.valueOf(e.getMessage()));
    }
  }

  private static ReadOnlyExport readOnlyExport(String text) {
    int equals = text.indexOf('=');
    return new ReadOnlyExport(text.substring(0, Math.max(0, equals)), text.substring(equals + 1));
  }
}
