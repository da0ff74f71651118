package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.tls.SecureSession;
import io.netty.channel.Channel;

/** What a handshake needs from the server around it. Called on the channel's loop. */
public interface HandshakeHost {
  /** Whether the server is going away: every option is refused. */
  boolean isShuttingDown();

  /** Whether this many bytes may be kept beside all that is in flight; if so, till given back. */
  boolean reserve(int bytes);

  void giveBack(int bytes);

  /**
   * The handshake is over and its last byte is with the socket. The channel does not read. The
   * {@link HandshakeHandler} keeps what the client sent already and gives it to the handler that
   * replaces it.
   */
  void attached(Channel channel, Negotiated negotiated);

  /** What the client may do. */
  Admission admission();

  /** Puts TLS in front of the channel's pipeline; how that ends comes as an event. */
  void startTls();

  /** The client has proved who it is, as far as it was asked to. */
  void secured(SecureSession session);

  /**
   * An option was refused.
   *
   * @param option by its name or number
   */
  void optionRefused(String option, String why);

  /** Why the connection is about to end; the first reason told is the one that counts. */
  void ending(String why);

  /** The peer, as log lines name it. */
  String peer();
}
