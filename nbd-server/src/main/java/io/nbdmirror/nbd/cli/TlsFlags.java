package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.serve.TlsOptions;
import io.nbdmirror.nbd.tls.TlsMode;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The flags for TLS, named as nbdkit's where it has them. */
final class TlsFlags {
  @Option(
      names = "--tls",
      paramLabel = "off|on|require",
      description =
          "Without TLS; with it for clients that ask; only with it (default: off, or require if"
              + " another flag for TLS is given).")
  private @Nullable TlsMode mode;

  @Option(
      names = "--tls-certificates",
      paramLabel = "DIR",
      description =
          "A folder with server-cert.pem, server-key.pem, ca-cert.pem and, if wanted, ca-crl.pem;"
              + " read again when they change.")
  private @Nullable Path certificates;

  @Option(
      names = "--tls-verify-peer",
      description = "Only clients that show a certificate which ca-cert.pem has signed.")
  private boolean verifyPeer;

  @Option(
      names = "--tls-psk",
      paramLabel = "FILE",
      description = "Shared keys in place of certificates, as psktool writes them: NAME:HEXKEY.")
  private @Nullable Path psk;

  @Option(
      names = "--tls-require-export",
      paramLabel = "EXPORT",
      description = "Only under TLS, also with --tls on; may be given several times.")
  private List<String> requiredFor = List.of();

  @Option(
      names = "--tls-allow",
      paramLabel = "EXPORT=SUBJECT",
      description =
          "Only for clients whose certificate has that subject, as CN=vm1,O=Example, or whose"
              + " shared key goes by that name; may be given several times.")
  private List<String> allowed = List.of();

  TlsMode mode() {
    if (mode != null) {
      return mode;
    }
    return certificates != null || psk != null ? TlsMode.REQUIRE : TlsMode.OFF;
  }

  TlsOptions options() throws CommandException {
    if (mode == TlsMode.OFF && (certificates != null || psk != null)) {
      throw new CommandException("there are credentials for TLS, and it is off; leave out either");
    }
    return new TlsOptions(Optional.ofNullable(certificates), verifyPeer, Optional.ofNullable(psk));
  }

  Set<String> requiredFor() {
    return new HashSet<>(requiredFor);
  }

  /** Who is allowed, by export. */
  Map<String, Set<String>> subjects() throws CommandException {
    Map<String, Set<String>> subjects = new HashMap<>();
    for (String text : allowed) {
      int equals = text.indexOf('=');
      if (equals < 1 || equals == text.length() - 1) {
        throw new CommandException(
            "'--tls-allow %s' does not say whom; give EXPORT=SUBJECT".formatted(text));
      }
      subjects
          .computeIfAbsent(text.substring(0, equals), _ -> new HashSet<>())
          .add(text.substring(equals + 1));
    }
    return subjects;
  }
}
