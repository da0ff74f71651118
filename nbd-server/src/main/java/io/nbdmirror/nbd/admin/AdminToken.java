package io.nbdmirror.nbd.admin;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** The secret that a request must carry to change anything: 256 random bits. Immutable. */
public final class AdminToken {
  private static final int BYTES = 32;
  private static final String SCHEME = "Bearer ";

  private final String secret;

  private AdminToken(String secret) {
    this.secret = secret;
  }

  /** A new one, from the system's randomness. */
  public static AdminToken random() {
    byte[] bits = new byte[BYTES];
    new SecureRandom().nextBytes(bits);
    return new AdminToken(HexFormat.of().formatHex(bits));
  }

  /** The one that a file holds. */
  static AdminToken of(String secret) {
    return new AdminToken(secret);
  }

  /** The secret itself, as the file holds it. */
  String secret() {
    return secret;
  }

  /** The Authorization header's value. */
  String authorization() {
    return SCHEME + secret;
  }

  /** Whether an Authorization header's value carries this token; takes equally long either way. */
  boolean isCarriedBy(@Nullable String authorization) {
    return authorization != null
        && authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length())
        && MessageDigest.isEqual(
            authorization.substring(SCHEME.length()).strip().getBytes(StandardCharsets.UTF_8),
            secret.getBytes(StandardCharsets.UTF_8));
  }

  /** Never the secret: this ends up in logs. */
  @Override
  public String toString() {
    return "AdminToken";
  }
}
