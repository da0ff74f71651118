package io.nbdmirror.integration.tls;

import io.nbdmirror.integration.process.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * An authority with a server's and a client's certificate, made by GnuTLS's certtool.
 *
 * @param server a folder for the server
 * @param client a folder as libnbd and QEMU want it for a client
 * @param withoutCertificate the same for a client that has only the authority's
 */
public record Pki(Path server, Path client, Path withoutCertificate) {
  /** Makes it all in a new folder. */
  public static Pki in(Path folder) throws IOException {
    Pki pki =
        new Pki(
            Files.createDirectories(folder.resolve("server")),
            Files.createDirectories(folder.resolve("client")),
            Files.createDirectories(folder.resolve("nobody")));
    Path authorityKey = key(folder.resolve("ca-key.pem"));
    Command.of("certtool", "--generate-self-signed", "--load-privkey", authorityKey)
        .and("--template", template(folder, "ca", "cn = CA\nca\ncert_signing_key\n"))
        .and("--outfile", pki.authority())
        .run();
    pki.issue(
        folder,
        "server",
        pki.server,
        "cn = localhost\ndns_name = localhost\nip_address = 127.0.0.1\ntls_www_server\n");
    pki.issue(
        folder, "client", pki.client, "organization = Example\ncn = client\ntls_www_client\n");
    for (Path place : new Path[] {pki.client, pki.withoutCertificate}) {
      Files.copy(pki.authority(), place.resolve("ca-cert.pem"));
    }
    return pki;
  }

  private void issue(Path folder, String who, Path place, String template) throws IOException {
    Command.of("certtool", "--generate-certificate")
        .and("--load-ca-certificate", authority())
        .and("--load-ca-privkey", folder.resolve("ca-key.pem"))
        .and("--load-privkey", key(place.resolve(who + "-key.pem")))
        .and("--template", template(folder, who, template + "signing_key\nencryption_key\n"))
        .and("--outfile", place.resolve(who + "-cert.pem"))
        .run();
  }

  private static Path key(Path file) {
    Command.of("certtool", "--generate-privkey", "--bits", 2048, "--outfile", file).run();
    return file;
  }

  private static Path template(Path folder, String who, String text) throws IOException {
    return Files.writeString(folder.resolve(who + ".template"), text);
  }

  public Path authority() {
    return server.resolve("ca-cert.pem");
  }

  public Path clientCertificate() {
    return client.resolve("client-cert.pem");
  }

  public Path clientKey() {
    return client.resolve("client-key.pem");
  }
}
