package io.nbdmirror.nbd.tls;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CRL;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bouncycastle.asn1.DERNull;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.pkcs.RSAPrivateKey;
import org.bouncycastle.asn1.sec.ECPrivateKey;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x9.X9ObjectIdentifiers;

/**
 * A file of certificates or a key between BEGIN and END lines; anything around those is a comment.
 * Keys may be in any of the shapes that certtool and openssl write: PKCS #8, PKCS #1, SEC 1.
 */
record PemFile(Path path, String text) {
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \\1-----");

  /**
   * The algorithms a PKCS #8 key may be for; it says itself which, but the JDK wants to be told.
   */
  private static final List<String> ALGORITHMS = List.of("RSA", "EC", "EdDSA", "RSASSA-PSS");

  static PemFile read(Path path) throws CredentialException {
    try {
      return new PemFile(path, Files.readString(path, StandardCharsets.ISO_8859_1));
    } catch (NoSuchFileException e) {
      throw new CredentialException("there is no %s".formatted(path), e);
    } catch (IOException e) {
      throw new CredentialException("cannot read %s: %s".formatted(path, e), e);
    }
  }

  /** One BEGIN to END; compared by nobody. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Block(String label, byte[] der) {}

  private List<Block> blocks() throws CredentialException {
    List<Block> blocks = new ArrayList<>();
    Matcher matcher = BLOCK.matcher(text);
    while (matcher.find()) {
      try {
        byte[] der = Base64.getMimeDecoder().decode(matcher.group(2));
        blocks.add(new Block(matcher.group(1), der));
      } catch (IllegalArgumentException e) {
        throw new CredentialException("%s is damaged: %s".formatted(path, e.getMessage()), e);
      }
    }
    return blocks;
  }

  /** All certificates in it, at least one, in their order. */
  List<X509Certificate> certificates() throws CredentialException {
    List<X509Certificate> certificates = new ArrayList<>();
    try {
      CertificateFactory factory = CertificateFactory.getInstance("X.509");
      for (Block block : blocks()) {
        if (block.label().endsWith("CERTIFICATE")) {
          Certificate certificate =
              factory.generateCertificate(new ByteArrayInputStream(block.der()));
          certificates.add((X509Certificate) certificate);
        }
      }
    } catch (GeneralSecurityException e) {
      throw new CredentialException(
          "%s holds a certificate that cannot be read: %s".formatted(path, e.getMessage()), e);
    }
    if (certificates.isEmpty()) {
      throw new CredentialException("%s holds no certificate".formatted(path));
    }
    return certificates;
  }

  /** All revocation lists in it. */
  Collection<CRL> revocationLists() throws CredentialException {
    List<CRL> lists = new ArrayList<>();
    try {
      CertificateFactory factory = CertificateFactory.getInstance("X.509");
      for (Block block : blocks()) {
        if (block.label().equals("X509 CRL")) {
          lists.add(factory.generateCRL(new ByteArrayInputStream(block.der())));
        }
      }
    } catch (GeneralSecurityException e) {
      throw new CredentialException(
          "%s holds a revocation list that cannot be read: %s".formatted(path, e.getMessage()), e);
    }
    if (lists.isEmpty()) {
      throw new CredentialException("%s holds no revocation list".formatted(path));
    }
    return lists;
  }

  /** The private key in it. */
  PrivateKey privateKey() throws CredentialException {
    for (Block block : blocks()) {
      try {
        switch (block.label()) {
          case "PRIVATE KEY" -> {
            return key(block.der());
          }
          case "RSA PRIVATE KEY" -> {
            return key(pkcs8OfRsa(block.der()));
          }
          case "EC PRIVATE KEY" -> {
            return key(pkcs8OfEc(block.der()));
          }
          case "ENCRYPTED PRIVATE KEY" ->
              throw new CredentialException(
                  "the key in %s is encrypted; a server that starts by itself needs a plain one"
                      .formatted(path));
          default -> {
            // Parameters and certificates may stand in the same file.
          }
        }
      } catch (IOException | GeneralSecurityException | IllegalArgumentException e) {
        throw new CredentialException(
            "the private key in %s cannot be read: %s".formatted(path, e.getMessage()), e);
      }
    }
    throw new CredentialException("%s holds no private key".formatted(path));
  }

  private static PrivateKey key(byte[] pkcs8) throws GeneralSecurityException {
    InvalidKeySpecException refusal =
        new InvalidKeySpecException("it is for none of " + String.join(", ", ALGORITHMS));
    for (String algorithm : ALGORITHMS) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
      } catch (InvalidKeySpecException e) {
        refusal.addSuppressed(e);
      }
    }
    throw refusal;
  }

  private static byte[] pkcs8OfRsa(byte[] der) throws IOException {
    AlgorithmIdentifier rsa =
        new AlgorithmIdentifier(PKCSObjectIdentifiers.rsaEncryption, DERNull.INSTANCE);
    return new PrivateKeyInfo(rsa, RSAPrivateKey.getInstance(der)).getEncoded();
  }

  private static byte[] pkcs8OfEc(byte[] der) throws IOException {
    ECPrivateKey key = ECPrivateKey.getInstance(der);
    AlgorithmIdentifier ec =
        new AlgorithmIdentifier(X9ObjectIdentifiers.id_ecPublicKey, key.getParametersObject());
    return new PrivateKeyInfo(ec, key).getEncoded();
  }
}
