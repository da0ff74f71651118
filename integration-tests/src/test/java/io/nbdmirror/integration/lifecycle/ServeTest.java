package io.nbdmirror.integration.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.SlowMember;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Finished;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server's life as an operator sees it. */
class ServeTest {
  private static final long MEMBER_BYTES = 64L << 20;

  @TempDir Path folder;

  @Test
  @Needs({"mdadm", "fio"})
  void aTermSignalUnderLoadLeavesCleanIdenticalMembers() throws IOException {
    TwoMembers members = TwoMembers.create(folder, "disk", MEMBER_BYTES);
    try (RunningServer server = members.serve()) {
      try (Background load = Background.start(folder, load(server))) {
        Awaitility.await("a load, running: " + load.isRunning())
            .until(() -> server.array().at("/state").asText().equals("active"));
        server.stop();
      }
    }
    members.areIdentical();
    members.areClean();
    for (Path member : new Path[] {members.first().file(), members.second().file()}) {
      String said = Command.of("mdadm", "-E", member).run().out();
      assertThat(said).containsPattern("State : clean").containsPattern("Checksum : .* correct");
    }
  }

  private Command load(RunningServer server) {
    return Command.of("fio", "--name=load", "--ioengine=nbd", "--uri=" + server.unixUri())
        .and("--rw=randwrite", "--bs=4k", "--iodepth=16", "--time_based", "--runtime=60")
        .and("--size=32M")
        .in(folder);
  }

  @Test
  void statusAndDetailTellWhatIsServed() throws IOException {
    TwoMembers members = TwoMembers.create(folder, "disk", MEMBER_BYTES, "--bitmap-chunk", "64K");
    try (RunningServer server = members.serve()) {
      JsonNode array = server.array();
      assertThat(array.at("/name").asText()).isEqualTo("disk");
      assertThat(array.at("/sizeBytes").asLong()).isEqualTo(members.first().dataBytes());
      assertThat(array.at("/members/0/path").asText()).isEqualTo(members.first().file().toString());
      assertThat(array.at("/members/1/role").asText()).isEqualTo("in-sync");
      assertThat(array.at("/bitmap/kind").asText()).isEqualTo("internal");
      assertThat(array.at("/bitmap/chunkBytes").asLong()).isEqualTo(64 << 10);
      assertThat(array.at("/bitmap/chunks").asInt()).isEqualTo(members.first().chunks());
      assertThat(server.command("status").run().out()).contains("disk", "[UU]");
      String json = server.command("status", "--json").run().out();
      assertThat(new ObjectMapper().readTree(json).at("/arrays/0/uuid"))
          .isEqualTo(array.at("/uuid"));
      assertThat(server.command("detail", "disk").run().out())
          .contains(array.at("/uuid").asText(), members.second().file().toString());
      server.stop();
    }
  }

  @Test
  @Needs("python3")
  void clientsShowsWhoIsConnected() throws IOException {
    TwoMembers members = TwoMembers.create(folder, "disk", MEMBER_BYTES);
    String stay =
        "import nbd, sys, time; h = nbd.NBD(); h.connect_uri(sys.argv[1]); time.sleep(60)";
    try (RunningServer server = members.serve();
        Background client =
            Background.start(
                folder, Command.of("/usr/bin/python3", "-c", stay, server.tcpUri() + "/disk"))) {
      Awaitility.await("the client shown, running: " + client.isRunning())
          .until(() -> server.command("clients").run().out().contains("127.0.0.1:"));
      assertThat(server.command("clients").run().out()).contains("disk");
      server.stop();
    }
  }

  @Test
  @Needs(
      value = {"nbdkit", "nbdfuse", "qemu-io"},
      root = true)
  void aSecondSignalStopsAtOnceAndLeavesTheArrayUnclean() throws IOException {
    Path fast = TwoMembers.sparse(folder.resolve("fast.img"), MEMBER_BYTES);
    Path backing = TwoMembers.sparse(folder.resolve("backing.img"), MEMBER_BYTES);
    Nbdmirror.command("create", "slow", fast, backing, "--assume-clean").run();
    try (SlowMember slow = new SlowMember(folder, backing, Duration.ofSeconds(3))) {
      try (RunningServer server = RunningServer.start(folder, fast, slow.file());
          Background client =
              Background.start(
                  folder,
                  Command.of("qemu-io", "-f", "raw", "-c", "write 0 4k", server.unixUri()))) {
        Awaitility.await("the write under way, client running: " + client.isRunning())
            .atMost(Duration.ofSeconds(60))
            .until(() -> !new MemberImage(fast).clean());
        Command.of("kill", "-TERM", server.handle().pid()).run();
        // Two of one kind sent in a row may arrive as one, and whoever starts the tests in the
        // background of a script has them ignore INT.
        Awaitility.await("the first signal heard")
            .until(() -> server.errors().contains("stopping cleanly"));
        Command.of("kill", "-TERM", server.handle().pid()).run();
        assertThat(server.awaitExit()).isNotZero();
      }
      assertThat(new MemberImage(fast).clean()).as("clean").isFalse();
    }
  }

  @Test
  void stopEndsTheServerCleanly() {
    TwoMembers members = TwoMembers.create(folder, "disk", MEMBER_BYTES);
    try (RunningServer server = members.serve()) {
      server.command("stop").run();
      assertThat(server.awaitExit()).as(server.errors()).isZero();
    }
    members.areIdentical();
    members.areClean();
  }

  @Test
  void stopWithoutTheTokenIsRefused() throws Exception {
    TwoMembers members = TwoMembers.create(folder, "disk", MEMBER_BYTES);
    try (RunningServer server = members.serve();
        HttpClient http = HttpClient.newHttpClient()) {
      HttpRequest stop =
          HttpRequest.newBuilder(URI.create("http://" + server.admin() + "/api/v1/stop"))
              .POST(HttpRequest.BodyPublishers.noBody())
              .build();
      assertThat(http.send(stop, HttpResponse.BodyHandlers.ofString()).statusCode()).isIn(401, 403);
      assertThat(server.array().at("/name").asText()).isEqualTo("disk");
      server.stop();
    }
  }

  @Test
  void healthAndMetricsAreServed() throws Exception {
    TwoMembers members = TwoMembers.create(folder, "disk", MEMBER_BYTES);
    try (RunningServer server = members.serve();
        HttpClient http = HttpClient.newHttpClient()) {
      for (String path : new String[] {"/health/live", "/health/ready", "/metrics"}) {
        HttpRequest get =
            HttpRequest.newBuilder(URI.create("http://" + server.admin() + path)).build();
        HttpResponse<String> reply = http.send(get, HttpResponse.BodyHandlers.ofString());
        assertThat(reply.statusCode()).as(path).isEqualTo(200);
        if (path.equals("/metrics")) {
          assertThat(reply.body())
              .contains("nbdmirror_array_state", "nbdmirror_bitmap_dirty_chunks");
        }
      }
      server.stop();
    }
  }

  @Test
  void twoArraysAreServedByOneServer() {
    TwoMembers one = TwoMembers.create(folder, "one", MEMBER_BYTES);
    TwoMembers two = TwoMembers.create(folder, "two", MEMBER_BYTES);
    try (RunningServer server =
        RunningServer.start(
            folder,
            one.first().file(),
            two.first().file(),
            two.second().file(),
            one.second().file())) {
      String said = server.command("status").run().out();
      assertThat(said).contains("one", "two");
      server.stop();
    }
    one.areClean();
    two.areClean();
  }

  @Test
  void aReadOnlyServerWritesNothing() {
    TwoMembers members = TwoMembers.create(folder, "disk", MEMBER_BYTES, "--assume-clean");
    long events = members.first().events();
    try (RunningServer server = members.serve("--read-only")) {
      assertThat(server.array().at("/state").asText()).isEqualTo("read-only");
      server.stop();
    }
    assertThat(members.first().events()).isEqualTo(events);
  }

  @Test
  void aLiveCommandWithoutAServerSaysSoInASentence() {
    Finished status =
        Nbdmirror.command("status", "--admin", "127.0.0.1:1")
            .with("XDG_RUNTIME_DIR", folder)
            .attempt();
    status.exited(1);
    assertThat(status.err().strip().lines()).hasSize(1);
    assertThat(status.err()).contains("127.0.0.1:1");
  }

  @Test
  void aWrongCommandLineIsAUsageError() {
    Nbdmirror.command("serve", "--no-such-flag").attempt().exited(2);
    Nbdmirror.command("no-such-command").attempt().exited(2);
    Nbdmirror.command("create").attempt().exited(2);
  }

  @Test
  void everyCommandHasHelpWithAnExample() {
    String commands = Nbdmirror.command("--help").run().out();
    for (String command :
        new String[] {
          "demo",
          "create",
          "serve",
          "status",
          "detail",
          "clients",
          "stop",
          "examine",
          "examine-bitmap",
          "zero-superblock"
        }) {
      assertThat(commands).contains(command);
      assertThat(Nbdmirror.command(command, "--help").run().out())
          .as("help of %s", command)
          .contains("nbdmirror " + command);
    }
  }
}
