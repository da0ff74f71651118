package io.nbdmirror.integration.tls;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Finished;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** libnbd and QEMU, which do TLS by GnuTLS, against our server. */
@Needs({"certtool", "psktool", "nbdinfo", "nbdcopy", "qemu-img"})
class TlsClientsTest {
  private static final int BYTES = 5_000_000;

  @TempDir Path folder;
  private TwoMembers members;

  @BeforeEach
  void create() {
    members = TwoMembers.create(folder, "disk", 32L << 20);
  }

  private static String uri(RunningServer server, String parameters) {
    return "nbds://localhost:%d/disk?%s".formatted(server.tcpPort(), parameters);
  }

  private static String by(Path certificates) {
    return "tls-certificates=" + certificates + "&tls-verify-peer=1";
  }

  /** A line is there when its connection has ended, a moment after its client has. */
  private static void logs(RunningServer server, String... lines) {
    Awaitility.await("log lines").untilAsserted(() -> assertThat(server.errors()).contains(lines));
  }

  /** Copies data there and back, and looks at it on both members. */
  private void copiesThereAndBack(String uri) throws IOException {
    byte[] data = new byte[BYTES];
    for (int i = 0; i < data.length; i++) {
      data[i] = (byte) (i * 31 + i / 4096);
    }
    Path image = Files.write(folder.resolve("image"), data);
    Command.of("nbdcopy", "--flush", image, uri).run();
    Path back = folder.resolve("back");
    Command.of("nbdcopy", uri, back).run();
    assertThat(Files.readAllBytes(back)).startsWith(data);
    assertThat(members.first().data(0, BYTES)).isEqualTo(data);
    assertThat(members.second().data(0, BYTES)).isEqualTo(data);
  }

  @Test
  void certificatesOpenTheExportAndTheirLackIsRefusedOnBothSides() throws IOException {
    Pki pki = Pki.in(folder.resolve("pki"));
    Pki strangers = Pki.in(folder.resolve("strangers"));
    try (RunningServer server =
        members.serve("--tls-certificates", pki.server(), "--tls-verify-peer")) {
      copiesThereAndBack(uri(server, by(pki.client())));

      Command.of("nbdinfo", "--size", uri(server, by(pki.withoutCertificate())))
          .attempt()
          .exited(1);
      Command.of("nbdinfo", "--size", uri(server, by(strangers.client()))).attempt().exited(1);
      // A client that trusts another authority does not talk to us, whoever it is to us.
      Path mistaken = Files.createDirectories(folder.resolve("mistaken"));
      Files.copy(strangers.authority(), mistaken.resolve("ca-cert.pem"));
      Files.copy(pki.clientCertificate(), mistaken.resolve("client-cert.pem"));
      Files.copy(pki.clientKey(), mistaken.resolve("client-key.pem"));
      Command.of("nbdinfo", "--size", uri(server, by(mistaken))).attempt().exited(1);
      Command.of("nbdinfo", "--size", "nbd://localhost:" + server.tcpPort() + "/disk")
          .attempt()
          .exited(1);
      logs(server, "TLS 1.3", "as 'CN=client,O=Example'", "certificate_required");
      logs(server, "this server speaks to nobody without TLS");

      Command.of("qemu-img", "info", "--object")
          .and("tls-creds-x509,id=tls,endpoint=client,dir=" + pki.client(), "--image-opts")
          .and("driver=nbd,host=localhost,port=" + server.tcpPort() + ",export=disk,tls-creds=tls")
          .run();
      server.stop();
    }
  }

  @Test
  void anAllowListTellsSubjectsApart() throws IOException {
    Pki pki = Pki.in(folder.resolve("pki"));
    try (RunningServer server =
        members.serve(
            "--read-only-export",
            "public",
            "--tls",
            "on",
            "--tls-certificates",
            pki.server(),
            "--tls-allow",
            "disk=CN=client,O=Example",
            "--tls-require-export",
            "public")) {
      Command.of("nbdinfo", "--size", uri(server, by(pki.client()))).run();
      Command.of("nbdinfo", "--size", uri(server, by(pki.withoutCertificate())))
          .attempt()
          .exited(1);
      String shared = uri(server, by(pki.withoutCertificate())).replace("/disk?", "/public?");
      Command.of("nbdinfo", "--is", "read-only", shared).run();
      Command.of("nbdinfo", "nbd://localhost:" + server.tcpPort() + "/public").attempt().exited(1);
      logs(server, "is only for clients that show a certificate");
      server.stop();
    }
  }

  @Test
  void sharedKeysAreThoseOfPsktool() throws IOException {
    Path keys = Files.createDirectories(folder.resolve("keys")).resolve("keys.psk");
    Command.of("psktool", "-u", "alice", "-p", keys).run();
    Path wrong = folder.resolve("wrong.psk");
    Command.of("psktool", "-u", "alice", "-p", wrong).run();
    try (RunningServer server = members.serve("--tls-psk", keys)) {
      String alice = "nbds://alice@localhost:" + server.tcpPort() + "/disk?tls-psk-file=";
      copiesThereAndBack(alice + keys);
      Command.of("nbdinfo", "--size", alice + wrong).attempt().exited(1);
      logs(server, "as 'alice'", "the TLS handshake failed");
      Command.of("qemu-img", "info", "--object")
          .and("tls-creds-psk,id=tls,endpoint=client,username=alice,dir=" + keys.getParent())
          .and("--image-opts")
          .and("driver=nbd,host=localhost,port=" + server.tcpPort() + ",export=disk,tls-creds=tls")
          .run();
      server.stop();
    }
  }

  @Test
  void aSocketThatIsHandedOverIsListenedOn() {
    Finished nbdinfo =
        Command.of("nbdinfo", "--size", "--", "[")
            .and(wordsOfServe())
            .and("]")
            .with("XDG_RUNTIME_DIR", folder)
            .run();
    assertThat(nbdinfo.out().strip()).matches("\\d+");
    assertThat(Long.parseLong(nbdinfo.out().strip())).isBetween(16L << 20, 32L << 20);
    members.areClean();
  }

  private Object[] wordsOfServe() {
    return Nbdmirror.command(
            "serve", members.first().file(), members.second().file(), "--admin", "127.0.0.1:0")
        .words()
        .toArray();
  }
}
