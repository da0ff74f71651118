package io.nbdmirror.nbd.listen;

import io.netty.pkitesting.X509Bundle;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.HexFormat;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import org.bouncycastle.tls.BasicTlsPSKExternal;
import org.bouncycastle.tls.BasicTlsPSKIdentity;
import org.bouncycastle.tls.CipherSuite;
import org.bouncycastle.tls.PSKTlsClient;
import org.bouncycastle.tls.ProtocolVersion;
import org.bouncycastle.tls.TlsClientProtocol;
import org.bouncycastle.tls.crypto.TlsCrypto;
import org.bouncycastle.tls.crypto.impl.jcajce.JcaTlsCryptoProvider;
import org.jspecify.annotations.Nullable;

/** Clients' sides of TLS for {@link RawClient#secure}. */
final class TlsClients {
  private TlsClients() {}

  /**
   * By certificates.
   *
   * @param trusted whose certificates the server may have
   * @param own what to show the server; null for nothing
   */
  static RawClient.TlsClient x509(
      X509Bundle trusted, @Nullable X509Bundle own, String... protocols) {
    return socket -> {
      try {
        SSLContext context = SSLContext.getInstance("TLS");
        KeyManager[] keys = own == null ? null : own.toKeyManagerFactory().getKeyManagers();
        context.init(keys, new TrustManager[] {trusted.toTrustManager()}, new SecureRandom());
        SSLSocket secured =
            (SSLSocket)
                context
                    .getSocketFactory()
                    .createSocket(socket, "localhost", socket.getPort(), true);
        if (protocols.length > 0) {
          secured.setEnabledProtocols(protocols);
        }
        secured.startHandshake();
        return new RawClient.Streams(secured.getInputStream(), secured.getOutputStream());
      } catch (GeneralSecurityException e) {
        throw new AssertionError(e);
      }
    };
  }

  /** By a shared key. */
  static RawClient.TlsClient psk(String name, String hexKey, ProtocolVersion version) {
    return socket -> {
      TlsClientProtocol protocol =
          new TlsClientProtocol(socket.getInputStream(), socket.getOutputStream());
      protocol.connect(
          new PskClient(
              new JcaTlsCryptoProvider().create(new SecureRandom()),
              name.getBytes(StandardCharsets.UTF_8),
              HexFormat.of().parseHex(hexKey),
              version));
      return new RawClient.Streams(protocol.getInputStream(), protocol.getOutputStream());
    };
  }

  private static final class PskClient extends PSKTlsClient {
    private final byte[] name;
    private final byte[] key;
    private final ProtocolVersion version;

    PskClient(TlsCrypto crypto, byte[] name, byte[] key, ProtocolVersion version) {
      super(crypto, new BasicTlsPSKIdentity(name, key));
      this.name = name;
      this.key = key;
      this.version = version;
    }

    @Override
    protected ProtocolVersion[] getSupportedVersions() {
      return version.only();
    }

    @Override
    protected int[] getSupportedCipherSuites() {
      return ProtocolVersion.TLSv13.equals(version)
          ? new int[] {CipherSuite.TLS_AES_128_GCM_SHA256}
          : new int[] {CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256};
    }

    @Override
    @SuppressWarnings({"JdkObsolete", "rawtypes", "unchecked"}) // The library's own type.
    public java.util.Vector getExternalPSKs() {
      java.util.Vector offered = new java.util.Vector();
      offered.add(new BasicTlsPSKExternal(name, getCrypto().createSecret(key)));
      return offered;
    }
  }
}
