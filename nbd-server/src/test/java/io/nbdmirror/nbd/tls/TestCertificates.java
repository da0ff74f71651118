package io.nbdmirror.nbd.tls;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.nio.file.Files;
import java.nio.file.Path;

/** Certificates of an authority that only tests trust. */
public final class TestCertificates {
  private final X509Bundle authority;

  /** An authority of its own: nobody else's certificates are good to it. */
  public TestCertificates(String name) {
    try {
      authority =
          new CertificateBuilder()
              .subject("CN=" + name)
              .setIsCertificateAuthority(true)
              .buildSelfSigned();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  public X509Bundle authority() {
    return authority;
  }

  public X509Bundle issue(String subject) {
    try {
      return new CertificateBuilder().subject(subject).buildIssuedBy(authority);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  /** Lays out what a server is given, under the usual names. */
  public Path writeServer(Path folder, String subject) throws Exception {
    X509Bundle server = issue(subject);
    Files.writeString(folder.resolve("ca-cert.pem"), authority.getCertificatePEM());
    Files.writeString(folder.resolve("server-cert.pem"), server.getCertificatePathPEM());
    Files.writeString(folder.resolve("server-key.pem"), server.getPrivateKeyPEM());
    return folder;
  }
}
