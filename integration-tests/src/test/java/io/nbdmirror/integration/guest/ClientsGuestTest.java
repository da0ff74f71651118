package io.nbdmirror.integration.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import io.nbdmirror.integration.tls.Pki;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * One boot of a guest that attaches in every way there is, the last time while the server is
 * stopped once and killed once under load; each test looks at one thing that came out.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Needs({
  "qemu-system-x86_64",
  "nbd-client",
  "mdadm",
  "busybox",
  "cpio",
  "depmod",
  "mkfs.ext4",
  "e2fsck",
  "certtool",
  "fio",
  "perl"
})
class ClientsGuestTest {
  private static final long MEMBER_BYTES = 128L << 20;
  private static final int CONNECTIONS = 4;
  private static final int RESTARTS = 2;

  /** Written to both exports between two restarts, so that each of them comes under load. */
  private static final long LOAD_BYTES = 3 << 20;

  private Path folder;
  private Pki pki;
  private TwoMembers disk;
  private TwoMembers other;
  private int port;
  private String console;
  private String log = "";

  @BeforeAll
  void bootAndRestart(@TempDir Path temporary) throws Exception {
    folder = temporary;
    pki = Pki.in(folder.resolve("pki"));
    disk = TwoMembers.create(folder, "disk", MEMBER_BYTES);
    other = TwoMembers.create(folder, "other", MEMBER_BYTES);
    port = freePort();
    RunningServer server = serve();
    try {
      CompletableFuture<String> guest = CompletableFuture.supplyAsync(this::boot);
      for (int restart = 0; restart < RESTARTS; restart++) {
        RunningServer running = server;
        Awaitility.await("load by both clients")
            .atMost(Duration.ofMinutes(2))
            .pollInterval(Duration.ofMillis(200))
            .until(() -> guest.isDone() || isUnderLoad(running));
        if (restart % 2 == 0) {
          server.stop();
        } else {
          server.kill();
        }
        log += server.errors();
        server = serve();
      }
      console = guest.get(3, TimeUnit.MINUTES);
      RunningServer last = server;
      Awaitility.await("the resync after the kill")
          .atMost(Duration.ofMinutes(1))
          .until(() -> isIdle(last));
      server.stop();
    } finally {
      server.close();
    }
  }

  private String boot() {
    return Guest.run(
        folder,
        "clients.sh",
        List.of(
            "PORT=" + port,
            "CONNECTED_AGAIN=" + RESTARTS * CONNECTIONS,
            Guest.file(
                "/nbd-attach.pl",
                Nbdmirror.ROOT.resolve("integration-tests/src/test/resources/guest/nbd-attach.pl")),
            Guest.file("/ca-cert.pem", pki.authority()),
            Guest.file("/client-cert.pem", pki.clientCertificate()),
            Guest.file("/client-key.pem", pki.clientKey())),
        List.of(),
        List.of(
            "-blockdev",
            "driver=nbd,node-name=remote,server.type=inet,server.host=127.0.0.1,server.port="
                + port
                + ",export=other,reconnect-delay=120",
            "-device",
            "virtio-blk-pci,drive=remote,serial=remote,addr=0x10"));
  }

  private RunningServer serve() {
    return RunningServer.start(
        folder,
        Nbdmirror.command("serve", disk.first().file(), disk.second().file())
            .and(other.first().file(), other.second().file())
            .and("--listen", "tcp:127.0.0.1:" + port, "--admin", "127.0.0.1:0")
            .and("--tls", "on", "--tls-certificates", pki.server(), "--tls-verify-peer"));
  }

  private static boolean isUnderLoad(RunningServer server) {
    JsonNode clients = server.get("/api/v1/clients").get("clients");
    long byKernel = 0;
    long byQemu = 0;
    for (JsonNode client : clients) {
      long written = client.get("writtenBytes").asLong();
      if (client.get("export").asText().equals("disk")) {
        byKernel += written;
      } else {
        byQemu += written;
      }
    }
    return byKernel > LOAD_BYTES && byQemu > LOAD_BYTES;
  }

  private static boolean isIdle(RunningServer server) {
    for (JsonNode array : server.get("/api/v1/arrays").get("arrays")) {
      if (!array.at("/sync/action").asText().equals("idle")) {
        return false;
      }
    }
    return true;
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  @Test
  void theKernelsClientWorksWithFourConnections() {
    assertThat(console)
        .contains("fio: verified", "e2fsck after several connections: 0")
        .contains("left after the discard: 0");
  }

  @Test
  void theKernelsClientWorksUnderTls() {
    assertThat(console).contains("under TLS: read back", "e2fsck after TLS: 0");
    assertThat(log).contains("as 'CN=client,O=Example'");
  }

  @Test
  void theKernelsClientSurvivesAStopAndAKillOfTheServerUnderLoad() {
    assertThat(console).containsPattern("kernel: (\\d+) of \\1 files are as they were written");
    assertThat(console).contains("e2fsck after restarts by kernel: 0");
  }

  @Test
  void qemusReconnectionSurvivesAStopAndAKillOfTheServerUnderLoad() {
    assertThat(console).containsPattern("qemu: (\\d+) of \\1 files are as they were written");
    assertThat(console).contains("e2fsck after restarts by qemu: 0");
  }

  @Test
  void noFilesystemSawAnError() {
    assertThat(console).contains("errors: 0");
  }

  @Test
  void theMembersAreTheSameAfterAll() {
    disk.areIdentical();
    other.areIdentical();
  }
}
