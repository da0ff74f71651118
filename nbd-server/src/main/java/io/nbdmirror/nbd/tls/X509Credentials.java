package io.nbdmirror.nbd.tls;

import io.netty.channel.ChannelPipeline;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Certificates, by the JDK's TLS. Signatures are made on a thread of their own: one takes as long
 * as a thousand requests, and an array's loop is not for that.
 */
public final class X509Credentials implements TlsCredentials {
  private final WatchedFiles<SslContext> contexts;
  private final ExecutorService signatures =
      Executors.newSingleThreadExecutor(new DefaultThreadFactory("signatures", true));

  private X509Credentials(WatchedFiles<SslContext> contexts) {
    this.contexts = contexts;
  }

  /** What clients are asked for. */
  public enum Verification {
    /** Nothing: the server alone shows a certificate. */
    NONE,
    /** A certificate, which must be good if there is one. */
    OPTIONAL,
    /** A good certificate. */
    REQUIRED;

    private ClientAuth clientAuth() {
      return switch (this) {
        case NONE -> ClientAuth.NONE;
        case OPTIONAL -> ClientAuth.OPTIONAL;
        case REQUIRED -> ClientAuth.REQUIRE;
      };
    }
  }

  /**
   * Reads the certificates in a folder, and again whenever they change.
   *
   * @throws CredentialException if they cannot be used as they are now
   */
  public static X509Credentials in(Path folder, Verification verification)
      throws CredentialException {
    CertificateFolder files = new CertificateFolder(folder);
    ClientAuth clientAuth = verification.clientAuth();
    return new X509Credentials(
        new WatchedFiles<>("certificates in " + folder, files.files(), () -> files.load(clientAuth))
            .watch());
  }

  @Override
  public void secure(ChannelPipeline pipeline) {
    SslHandler tls = contexts.current().newHandler(pipeline.channel().alloc(), signatures);
    // The time limit of the whole NBD handshake counts.
    tls.setHandshakeTimeoutMillis(0);
    pipeline.addFirst(tls, new X509Outcome(tls));
  }

  @Override
  public void close() {
    contexts.close();
    signatures.shutdown();
  }
}
