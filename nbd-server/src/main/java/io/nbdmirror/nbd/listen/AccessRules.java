package io.nbdmirror.nbd.listen;

import io.nbdmirror.nbd.tls.TlsMode;
import java.util.Map;
import java.util.Set;

/**
 * Who may connect, how many, and to what. Immutable.
 *
 * @param tls whether clients may, or must, ask for TLS
 * @param maxConnections of all exports together, handshakes included
 * @param perExport for exports that {@code exports} says nothing of
 * @param exports by name
 */
public record AccessRules(
    TlsMode tls, int maxConnections, ExportRule perExport, Map<String, ExportRule> exports) {
  /** Enough for a thousand idle clients and those that work. */
  public static final int DEFAULT_MAX_CONNECTIONS = 1200;

  /** No TLS, anybody, everything. */
  public static final AccessRules OPEN =
      new AccessRules(
          TlsMode.OFF,
          DEFAULT_MAX_CONNECTIONS,
          new ExportRule(false, Set.of(), DEFAULT_MAX_CONNECTIONS),
          Map.of());

  public AccessRules {
    exports = Map.copyOf(exports);
  }

  /** What holds for an export. */
  public ExportRule of(String export) {
    return exports.getOrDefault(export, perExport);
  }

  /** The same rules for so many. */
  public AccessRules withMaxConnections(int connections) {
    return new AccessRules(tls, connections, perExport, exports);
  }

  /** Whether some export is of no use without TLS. */
  public boolean needsTls() {
    return perExport.needsTls() || exports.values().stream().anyMatch(ExportRule::needsTls);
  }

  /** Whether some export asks who its clients are. */
  public boolean asksForSubjects() {
    return !perExport.subjects().isEmpty()
        || exports.values().stream().anyMatch(rule -> !rule.subjects().isEmpty());
  }
}
