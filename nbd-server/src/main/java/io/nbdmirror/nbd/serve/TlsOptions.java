package io.nbdmirror.nbd.serve;

import io.nbdmirror.nbd.listen.AccessRules;
import io.nbdmirror.nbd.tls.CredentialException;
import io.nbdmirror.nbd.tls.PskCredentials;
import io.nbdmirror.nbd.tls.TlsCredentials;
import io.nbdmirror.nbd.tls.TlsMode;
import io.nbdmirror.nbd.tls.X509Credentials;
import io.nbdmirror.nbd.tls.X509Credentials.Verification;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What the server proves its identity with, and whether clients must prove theirs.
 *
 * @param certificates a folder of certificates under nbdkit's and QEMU's names
 * @param verifyPeer every client must show a certificate that {@code ca-cert.pem} has signed
 * @param psk a file of shared keys, in place of certificates
 */
public record TlsOptions(Optional<Path> certificates, boolean verifyPeer, Optional<Path> psk) {
  public static final TlsOptions NONE = new TlsOptions(Optional.empty(), false, Optional.empty());

  /**
   * Opens the credentials.
   *
   * @return null where there is no TLS
   * @throws StartException if they cannot be used, or do not go with the rules
   */
  @Nullable TlsCredentials open(AccessRules access) throws StartException {
    if (access.tls() == TlsMode.OFF) {
      if (access.needsTls()) {
        throw new StartException(
            "an export requires TLS, and TLS is off; give --tls on or --tls require");
      }
      return null;
    }
    if (certificates.isPresent() == psk.isPresent()) {
      throw new StartException(
          "TLS is done with certificates or with shared keys; give either --tls-certificates or"
              + " --tls-psk");
    }
    try {
      if (psk.isPresent()) {
        return PskCredentials.of(psk.get());
      }
      return X509Credentials.in(certificates.get(), verification(access));
    } catch (CredentialException e) {
      throw new StartException("cannot start with TLS: " + e.getMessage());
    }
  }

  /** Where only some exports ask who a client is, others serve those that show no certificate. */
  private Verification verification(AccessRules access) {
    if (verifyPeer) {
      return Verification.REQUIRED;
    }
    return access.asksForSubjects() ? Verification.OPTIONAL : Verification.NONE;
  }
}
