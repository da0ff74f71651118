package io.nbdmirror.nbd.wire;

import java.io.IOException;

/**
 * A way to a server for the cases. Every case runs over every transport that {@link WireTest}
 * lists: to have them run over another one, TLS for one, implement this and list it there. A
 * transport that has to say something before a case begins says it in {@link #connect}.
 */
interface WireTransport extends AutoCloseable {
  /** A client that is connected and has not read the greeting. */
  Connection connect() throws IOException;

  @Override
  void close() throws IOException;

  /** One client's end. */
  interface Connection extends AutoCloseable {
    /** Sends in one piece. What a server that has closed cannot take is lost without an error. */
    void send(byte[] bytes) throws IOException;

    /** What has come, at least one byte, after waiting for it; empty at the end of the stream. */
    byte[] receive() throws IOException;

    @Override
    void close() throws IOException;
  }
}
