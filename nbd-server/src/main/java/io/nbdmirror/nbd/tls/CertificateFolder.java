package io.nbdmirror.nbd.tls;

import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertStore;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * A folder of certificates under the names that nbdkit, QEMU and libnbd's tools give them: {@code
 * server-cert.pem} and {@code server-key.pem}; {@code ca-cert.pem}, which signs clients'
 * certificates; {@code ca-crl.pem} for those revoked, if there is one.
 */
record CertificateFolder(Path folder) {
  private Path caCertificates() {
    return folder.resolve("ca-cert.pem");
  }

  private Path revocationLists() {
    return folder.resolve("ca-crl.pem");
  }

  private Path certificate() {
    return folder.resolve("server-cert.pem");
  }

  private Path key() {
    return folder.resolve("server-key.pem");
  }

  /** What is to be watched. */
  List<Path> files() {
    return List.of(caCertificates(), revocationLists(), certificate(), key());
  }

  /** Reads all that the kind of authentication needs. */
  SslContext load(ClientAuth clientAuth) throws CredentialException {
    List<X509Certificate> chain = PemFile.read(certificate()).certificates();
    SslContextBuilder builder =
        SslContextBuilder.forServer(
                PemFile.read(key()).privateKey(), chain.toArray(X509Certificate[]::new))
            .sslProvider(SslProvider.JDK)
            .protocols("TLSv1.3", "TLSv1.2")
            .clientAuth(clientAuth);
    try {
      if (clientAuth != ClientAuth.NONE) {
        builder.trustManager(trust());
      }
      return builder.build();
    } catch (SSLException | GeneralSecurityException | IllegalArgumentException e) {
      throw new CredentialException(
          "the certificates in %s cannot be used: %s".formatted(folder, e.getMessage()), e);
    }
  }

  private TrustManager trust() throws CredentialException, GeneralSecurityException {
    KeyStore anchors = KeyStore.getInstance("PKCS12");
    try {
      anchors.load(null, null);
    } catch (IOException e) {
      throw new GeneralSecurityException(e);
    }
    for (X509Certificate anchor : PemFile.read(caCertificates()).certificates()) {
      anchors.setCertificateEntry("ca " + anchors.size(), anchor);
    }
    PKIXBuilderParameters parameters = new PKIXBuilderParameters(anchors, new X509CertSelector());
    boolean revocable = Files.exists(revocationLists());
    parameters.setRevocationEnabled(revocable);
    if (revocable) {
      parameters.addCertStore(
          CertStore.getInstance(
              "Collection",
              new CollectionCertStoreParameters(
                  PemFile.read(revocationLists()).revocationLists())));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(new CertPathTrustManagerParameters(parameters));
    return new UnnamedAuthorities((X509ExtendedTrustManager) trust.getTrustManagers()[0]);
  }
}
