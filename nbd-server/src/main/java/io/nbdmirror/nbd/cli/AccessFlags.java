package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.listen.AccessRules;
import io.nbdmirror.nbd.listen.ExportRule;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import picocli.CommandLine.Option;

/** The flags that say how many clients there may be. */
final class AccessFlags {
  @Option(
      names = "--max-connections",
      paramLabel = "N",
      defaultValue = "" + AccessRules.DEFAULT_MAX_CONNECTIONS,
      description = "Of all exports together, handshakes included (default: ${DEFAULT-VALUE}).")
  private int maxConnections = AccessRules.DEFAULT_MAX_CONNECTIONS;

  @Option(
      names = "--export-connections",
      paramLabel = "[EXPORT=]N",
      description =
          "Of each export, or of the one that is named; may be given several times (default: as"
              + " many as there may be in all).")
  private List<String> exportConnections = List.of();

  /** All that is said of who may connect, TLS included. */
  AccessRules rules(TlsFlags tls) throws CommandException {
    if (maxConnections < 1) {
      throw new CommandException("--max-connections must be at least 1");
    }
    Map<String, Integer> connections = connections();
    int each = connections.getOrDefault("", maxConnections);
    Map<String, Set<String>> subjects = tls.subjects();
    Set<String> required = tls.requiredFor();
    Set<String> named = new HashSet<>(connections.keySet());
    named.addAll(subjects.keySet());
    named.addAll(required);
    named.remove("");
    Map<String, ExportRule> exports = new HashMap<>();
    for (String export : named) {
      exports.put(
          export,
          new ExportRule(
              required.contains(export),
              subjects.getOrDefault(export, Set.of()),
              connections.getOrDefault(export, each)));
    }
    return new AccessRules(
        tls.mode(), maxConnections, new ExportRule(false, Set.of(), each), exports);
  }

  /** By export; under the empty name what holds for each. */
  private Map<String, Integer> connections() throws CommandException {
    Map<String, Integer> connections = new HashMap<>();
    for (String text : exportConnections) {
      int equals = text.lastIndexOf('=');
      String number = text.substring(equals + 1);
      if (!number.matches("[1-9][0-9]{0,6}")) {
        throw new CommandException(
            "'--export-connections %s' is no number of at least 1, nor EXPORT=NUMBER"
                .formatted(text));
      }
      connections.put(text.substring(0, Math.max(0, equals)), Integer.parseInt(number));
    }
    return connections;
  }
}
