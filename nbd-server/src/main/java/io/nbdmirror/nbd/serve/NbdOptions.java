package io.nbdmirror.nbd.serve;

import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.nbdmirror.nbd.listen.AccessRules;
import io.nbdmirror.nbd.listen.ListenAddress;
import java.util.List;
import java.util.Optional;

/**
 * How clients get at the arrays. Immutable.
 *
 * @param listen where they connect; for sockets that are handed over, besides those
 * @param readOnlyExports arrays that are exported a second time, for reading only
 * @param defaultExport what the empty name means; where none is given, the only array
 * @param access who may connect and how many
 * @param tls what TLS is done with
 * @param handshake what a client may ask of us before it is attached
 */
public record NbdOptions(
    List<ListenAddress> listen,
    List<ReadOnlyExport> readOnlyExports,
    Optional<String> defaultExport,
    AccessRules access,
    TlsOptions tls,
    HandshakeLimits handshake) {
  public NbdOptions {
    listen = List.copyOf(listen);
    readOnlyExports = List.copyOf(readOnlyExports);
  }

  /** Listening there, and all else as it is without a word about it. */
  public static NbdOptions on(List<ListenAddress> listen) {
    return new NbdOptions(
        listen,
        List.of(),
        Optional.empty(),
        AccessRules.OPEN,
        TlsOptions.NONE,
        HandshakeLimits.DEFAULT);
  }

  /**
   * An array under one more name.
   *
   * @param array its name; empty for the only one
   */
  public record ReadOnlyExport(String array, String name) {}
}
