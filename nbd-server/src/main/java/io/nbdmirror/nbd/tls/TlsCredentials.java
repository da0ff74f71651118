package io.nbdmirror.nbd.tls;

import io.netty.channel.ChannelPipeline;

/** What the server proves its identity with, and how it knows its clients. Any thread may call. */
public interface TlsCredentials extends AutoCloseable {
  /**
   * Puts TLS in front of a pipeline, with the credentials as they are now. Waits for the client's
   * hello; a {@link TlsOutcome} follows. Called on the channel's loop, when nothing that came from
   * the client is left unread.
   */
  void secure(ChannelPipeline pipeline);

  /** No longer looks whether the files change. */
  @Override
  void close();
}
