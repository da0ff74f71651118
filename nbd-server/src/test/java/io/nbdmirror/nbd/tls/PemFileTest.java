package io.nbdmirror.nbd.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.List;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.sec.ECPrivateKey;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PemFileTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource({
    "RSA, 2048, RSA PRIVATE KEY",
    "EC, 256, EC PRIVATE KEY",
    "RSA, 2048, PRIVATE KEY",
    "EC, 384, PRIVATE KEY",
    "Ed25519, 255, PRIVATE KEY"
  })
  void aKeyIsReadInEveryShapeThatToolsWrite(String algorithm, int bits, String label)
      throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
    generator.initialize(bits);
    KeyPair pair = generator.generateKeyPair();
    Path file = write("Public Key Info:\n\tas certtool puts it\n" + pem(label, der(pair, label)));
    assertThat(secret(PemFile.read(file).privateKey())).isEqualTo(secret(pair.getPrivate()));
  }

  /** The number itself, for encodings may differ in what they say besides. */
  private static Object secret(PrivateKey key) {
    return key instanceof java.security.interfaces.ECPrivateKey curve ? curve.getS() : key;
  }

  private static byte[] der(KeyPair pair, String label) throws Exception {
    PrivateKeyInfo pkcs8 = PrivateKeyInfo.getInstance(pair.getPrivate().getEncoded());
    return switch (label) {
      case "RSA PRIVATE KEY" -> pkcs8.parsePrivateKey().toASN1Primitive().getEncoded();
      case "EC PRIVATE KEY" -> {
        ECPrivateKey key = ECPrivateKey.getInstance(pkcs8.parsePrivateKey());
        yield new ECPrivateKey(256, key.getKey(), pkcs8.getPrivateKeyAlgorithm().getParameters())
            .getEncoded();
      }
      default -> pkcs8.getEncoded();
    };
  }

  @Test
  void aChainKeepsItsOrder() throws Exception {
    TestCertificates ca = new TestCertificates("ca");
    X509Certificate first = ca.issue("CN=first").getCertificate();
    Path file =
        write(
            pem("CERTIFICATE", first.getEncoded())
                + "a comment\n"
                + ca.authority().getCertificatePEM());
    List<X509Certificate> chain = PemFile.read(file).certificates();
    assertThat(chain).containsExactly(first, ca.authority().getCertificate());
  }

  @ParameterizedTest
  @CsvSource({
    "'', holds no private key",
    "ENCRYPTED PRIVATE KEY, is encrypted",
    "PRIVATE KEY, cannot be read",
    "RSA PRIVATE KEY, cannot be read"
  })
  void whatIsNoKeyIsRefusedWithTheFilesName(String label, String sentence) throws Exception {
    Path file = write(label.isEmpty() ? "nothing" : pem(label, new byte[] {1, 2, 3}));
    assertThatThrownBy(() -> PemFile.read(file).privateKey())
        .isInstanceOf(CredentialException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining(sentence);
  }

  @Test
  void aFileThatIsNotThereIsNamed() {
    Path file = folder.resolve("absent.pem");
    assertThatThrownBy(() -> PemFile.read(file))
        .isInstanceOf(CredentialException.class)
        .hasMessage("there is no " + file);
  }

  private Path write(String text) throws Exception {
    return Files.writeString(folder.resolve("file.pem"), text);
  }

  private static String pem(String label, byte[] der) {
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n"
        .formatted(label, Base64.getMimeEncoder().encodeToString(der), label);
  }
}
