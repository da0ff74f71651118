package io.nbdmirror.nbd.listen;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.handshake.Admission;
import io.nbdmirror.nbd.handshake.Refusal;
import io.nbdmirror.nbd.protocol.Wire;
import io.nbdmirror.nbd.tls.SecureSession;
import io.nbdmirror.nbd.tls.TlsMode;
import org.jspecify.annotations.Nullable;

/** The rules as they are for one client. */
final class ClientAdmission implements Admission {
  private final AccessRules rules;
  private final Places places;

  /** Written on the channel's loop, read by whoever asks for the status. */
  private volatile @Nullable SecureSession session;

  /** The export whose place it has. */
  private @Nullable String placed;

  ClientAdmission(AccessRules rules, Places places) {
    this.rules = rules;
    this.places = places;
  }

  void secured(SecureSession agreed) {
    session = agreed;
  }

  @Nullable SecureSession session() {
    return session;
  }

  @Override
  public boolean awaitsTls() {
    return rules.tls() == TlsMode.REQUIRE && session == null;
  }

  @Override
  public @Nullable Refusal refusalOfTls() {
    if (session != null) {
      return new Refusal(Wire.REP_ERR_INVALID, "this connection is under TLS already");
    }
    return rules.tls() == TlsMode.OFF
        ? new Refusal(Wire.REP_ERR_POLICY, "this server was started without TLS")
        : null;
  }

  @Override
  public boolean mayKnow(Export export) {
    return refusalOf(export) == null;
  }

  @Override
  public @Nullable Refusal refusalOf(Export export) {
    ExportRule rule = rules.of(export.name());
    SecureSession now = session;
    if (rule.needsTls() && now == null) {
      return new Refusal(
          Wire.REP_ERR_TLS_REQD, "export '%s' is served only under TLS".formatted(export.name()));
    }
    if (rule.subjects().isEmpty()
        || (now != null && Subject.isAmong(rule.subjects(), now.subject()))) {
      return null;
    }
    return new Refusal(
        Wire.REP_ERR_POLICY,
        now == null || now.subject().isEmpty()
            ? "export '%s' is only for clients that show a certificate".formatted(export.name())
            : "export '%s' is not for '%s'".formatted(export.name(), now.subject()));
  }

  @Override
  public @Nullable Refusal admit(Export export) {
    Refusal refusal = refusalOf(export);
    if (refusal != null) {
      return refusal;
    }
    int limit = rules.of(export.name()).maxConnections();
    if (!places.take(export.name(), limit)) {
      return new Refusal(
          Wire.REP_ERR_POLICY,
          "export '%s' has %d connections already, and may have no more"
              .formatted(export.name(), limit));
    }
    placed = export.name();
    return null;
  }

  /** The connection has ended. Any thread, once. */
  void leave() {
    String export = placed;
    if (export != null) {
      placed = null;
      places.give(export);
    }
  }
}
