package io.nbdmirror.nbd.tls;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Vector;
import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.BasicTlsPSKExternal;
import org.bouncycastle.tls.CipherSuite;
import org.bouncycastle.tls.NamedGroup;
import org.bouncycastle.tls.PSKTlsServer;
import org.bouncycastle.tls.ProtocolVersion;
import org.bouncycastle.tls.PskIdentity;
import org.bouncycastle.tls.PskKeyExchangeMode;
import org.bouncycastle.tls.TlsCredentials;
import org.bouncycastle.tls.TlsFatalAlert;
import org.bouncycastle.tls.TlsPSKExternal;
import org.bouncycastle.tls.TlsPSKIdentityManager;
import org.bouncycastle.tls.crypto.TlsCrypto;
import org.jspecify.annotations.Nullable;

/**
 * What one connection's handshake by shared keys offers and accepts: TLS 1.3 and 1.2, the former
 * always with forward secrecy, AES-GCM and, for GnuTLS under TLS 1.2, AES-CBC with SHA-2.
 */
final class PskServer extends PSKTlsServer {
  /** In the order of our preference. */
  private static final Map<Integer, String> SUITES = suites();

  private final Names names;

  PskServer(TlsCrypto crypto, PskFile keys) {
    this(crypto, new Names(keys));
  }

  private PskServer(TlsCrypto crypto, Names names) {
    super(crypto, names);
    this.names = names;
  }

  /** Finds the keys of names, and remembers the name that it was asked for last. */
  private static final class Names implements TlsPSKIdentityManager {
    private final PskFile keys;
    private String last = "";

    Names(PskFile keys) {
      this.keys = keys;
    }

    @Override
    public byte @Nullable [] getHint() {
      return null;
    }

    @Override
    public byte @Nullable [] getPSK(byte[] identity) {
      last = new String(identity, StandardCharsets.UTF_8);
      return keys.keyOf(last);
    }
  }

  private static Map<Integer, String> suites() {
    Map<Integer, String> suites = new LinkedHashMap<>();
    suites.put(CipherSuite.TLS_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256");
    suites.put(
        CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256");
    suites.put(
        CipherSuite.TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384");
    suites.put(
        CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256");
    suites.put(
        CipherSuite.TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384");
    suites.put(CipherSuite.TLS_PSK_WITH_AES_128_GCM_SHA256, "TLS_PSK_WITH_AES_128_GCM_SHA256");
    suites.put(CipherSuite.TLS_PSK_WITH_AES_256_GCM_SHA384, "TLS_PSK_WITH_AES_256_GCM_SHA384");
    return suites;
  }

  @Override
  protected ProtocolVersion[] getSupportedVersions() {
    return ProtocolVersion.TLSv13.downTo(ProtocolVersion.TLSv12);
  }

  @Override
  protected int[] getSupportedCipherSuites() {
    return SUITES.keySet().stream().mapToInt(Integer::intValue).toArray();
  }

  @Override
  public int[] getSupportedGroups() {
    // Elliptic curves alone: a finite field takes a loop longer than a client is worth.
    return new int[] {NamedGroup.x25519, NamedGroup.secp256r1, NamedGroup.secp384r1};
  }

  @Override
  public short[] getPskKeyExchangeModes() {
    return new short[] {PskKeyExchangeMode.psk_dhe_ke};
  }

  /** TLS 1.3: the first of the client's names that has a key. */
  @Override
  @SuppressWarnings({"JdkObsolete", "rawtypes"}) // The library's own type.
  public @Nullable TlsPSKExternal getExternalPSK(Vector identities) {
    for (Object offered : identities) {
      byte[] identity = ((PskIdentity) offered).getIdentity();
      byte[] key = names.getPSK(identity);
      if (key != null) {
        return new BasicTlsPSKExternal(identity, getCrypto().createSecret(key));
      }
    }
    return null;
  }

  /** TLS 1.3 goes on to certificates when no key fits. There are none. */
  @Override
  public @Nullable TlsCredentials getCredentials() throws IOException {
    if (ProtocolVersion.TLSv13.equals(context.getServerVersion())) {
      throw new TlsFatalAlert(
          AlertDescription.unknown_psk_identity,
          names.last.isEmpty()
              ? "the client offers no shared key"
              : "there is no key for '" + names.last + "'");
    }
    return super.getCredentials();
  }

  /** Once the handshake is complete. */
  SecureSession session() {
    var agreed = context.getSecurityParametersConnection();
    String suite = SUITES.get(agreed.getCipherSuite());
    return new SecureSession(
        agreed.getNegotiatedVersion().getName(),
        suite == null ? "cipher suite " + agreed.getCipherSuite() : suite,
        names.last);
  }
}
