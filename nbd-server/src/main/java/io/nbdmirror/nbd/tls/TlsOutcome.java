package io.nbdmirror.nbd.tls;

/** How a TLS handshake ended; goes down the pipeline as a user event, once. */
public sealed interface TlsOutcome {
  /** Whatever is read from now on came through TLS. */
  record Secured(SecureSession session) implements TlsOutcome {}

  /**
   * There is no session, and the connection is being closed.
   *
   * @param why as a clause: {@code "the client offers nothing newer than TLS 1.1"}
   */
  record Failed(String why) implements TlsOutcome {}
}
