package io.nbdmirror.nbd.listen;

import java.util.Set;

/**
 * Who may attach to one export. Immutable.
 *
 * @param tlsRequired only connections that are under TLS
 * @param subjects only those: subjects of certificates as RFC 2253 writes them, or the names that
 *     go with shared keys; empty for anybody
 * @param maxConnections how many at a time
 */
public record ExportRule(boolean tlsRequired, Set<String> subjects, int maxConnections) {
  public ExportRule {
    subjects = Set.copyOf(subjects);
    if (maxConnections < 1) {
      throw new IllegalArgumentException("an export that takes no connection is of no use");
    }
  }

  /** Whether it is of any use without TLS. */
  boolean needsTls() {
    return tlsRequired || !subjects.isEmpty();
  }
}
