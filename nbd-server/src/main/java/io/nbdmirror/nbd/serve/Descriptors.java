package io.nbdmirror.nbd.serve;

import io.nbdmirror.nbd.listen.AccessRules;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How many files this process may have open. Clients get what members, logs and the admin address
 * leave over: a server without descriptors could not even be asked why.
 */
final class Descriptors {
  private static final Logger log = LoggerFactory.getLogger(Descriptors.class);
  private static final Path LIMITS = Path.of("/proc/self/limits");
  private static final Pattern OPEN_FILES = Pattern.compile("(?m)^Max open files +(\\d+) ");

  /** For everything that is not an NBD client. */
  private static final int RESERVED = 256;

  private Descriptors() {}

  /** The rules, with no more connections than there are descriptors for. */
  static AccessRules fit(AccessRules rules) {
    long room = limit() - RESERVED;
    if (rules.maxConnections() <= room) {
      return rules;
    }
    int connections = (int) Math.max(1, room);
    log.warn(
        "only {} clients may connect, not {}: the process may open {} files and keeps {} for"
            + " itself; raise its limit (ulimit -n, LimitNOFILE=)",
        connections,
        rules.maxConnections(),
        limit(),
        RESERVED);
    return rules.withMaxConnections(connections);
  }

  private static long limit() {
    try {
      Matcher limit = OPEN_FILES.matcher(Files.readString(LIMITS, StandardCharsets.US_ASCII));
      return limit.find() ? Long.parseLong(limit.group(1)) : Long.MAX_VALUE;
    } catch (IOException | NumberFormatException unknown) {
      return Long.MAX_VALUE;
    }
  }
}
