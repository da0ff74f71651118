package io.nbdmirror.nbd.tls;

import io.netty.channel.ChannelPipeline;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import org.bouncycastle.tls.crypto.impl.jcajce.JcaTlsCrypto;
import org.bouncycastle.tls.crypto.impl.jcajce.JcaTlsCryptoProvider;

/**
 * Keys that both sides share, by Bouncy Castle's TLS over the JDK's ciphers: the JDK's own TLS has
 * no such thing.
 */
public final class PskCredentials implements TlsCredentials {
  private final WatchedFiles<PskFile> keys;
  private final JcaTlsCrypto crypto = new JcaTlsCryptoProvider().create(new SecureRandom());

  private PskCredentials(WatchedFiles<PskFile> keys) {
    this.keys = keys;
  }

  /**
   * Reads a file of keys, and again whenever it changes.
   *
   * @throws CredentialException if it cannot be used as it is now
   */
  public static PskCredentials of(Path file) throws CredentialException {
    return new PskCredentials(
        new WatchedFiles<>("keys in " + file, List.of(file), () -> PskFile.read(file)).watch());
  }

  @Override
  public void secure(ChannelPipeline pipeline) {
    pipeline.addFirst(new PskHandler(new PskServer(crypto, keys.current())));
  }

  @Override
  public void close() {
    keys.close();
  }
}
