package io.nbdmirror.integration.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.ExportedMember;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A member that cannot be read, cannot be written, or hangs, while clients use the array. */
@Needs(
    value = {"nbdkit", "nbdfuse", "nbdcopy", "fio"},
    root = true)
class FaultyMembersTest {
  private static final long MEMBER_BYTES = 18L << 20;

  @TempDir Path folder;

  private Path good = Path.of("");
  private Path backing = Path.of("");

  @BeforeEach
  void twoDisks() {
    good = TwoMembers.sparse(folder.resolve("good.img"), MEMBER_BYTES);
    backing = TwoMembers.sparse(folder.resolve("backing.img"), MEMBER_BYTES);
  }

  @Test
  void whatCannotBeReadIsReadFromTheOtherAndWrittenAnew() throws IOException {
    try (ExportedMember bad = ExportedMember.withBadBlocks(folder, "bad", backing)) {
      // The bad one is preferred.
      create(bad, "--write-mostly", good);
      Path image = noise();
      try (RunningServer server = serve(bad)) {
        Command.of("nbdcopy", "--flush", image, server.unixUri()).run();
        server.stop();
      }
      long from = new MemberImage(backing).dataOffsetBytes() + (5 << 20);
      Path reads = Files.writeString(folder.resolve("reads"), from + " " + (from + 8192) + "\n");
      try (RunningServer server = serve(bad)) {
        Path read = folder.resolve("read.img");
        Command.of("nbdcopy", server.unixUri(), read).run();
        assertThat(Files.mismatch(image, read)).as("what a client reads").isEqualTo(-1);
        assertThat(server.errors())
            .containsPattern("bytes at offset .* could not be read, were written anew and can be");
        assertThat(reads).as("bad blocks").doesNotExist();
        JsonNode member = member(server, bad);
        assertThat(member.at("/role").asText()).isEqualTo("in-sync");
        assertThat(member.at("/readErrors").asLong()).isPositive();
        server.stop();
      }
    }
    identical();
  }

  @Test
  void aMemberThatCannotBeWrittenFailsAndComesBackByTheBitmap() throws IOException {
    Path trip = folder.resolve("trip");
    try (ExportedMember bad = withTrip(trip)) {
      create(bad);
      try (RunningServer server = serve(bad);
          Background load = Background.start(folder, load(server))) {
        awaitWrites(server, load);
        Files.createFile(trip);
        awaitFaulty(server, bad);
        Files.delete(trip);
        comesBack(server, bad, load);
      }
    }
    identical();
  }

  @Test
  void aMemberThatHangsFailsAfterItsTimeAndTheOthersGoOn() throws IOException {
    try (ExportedMember bad = withTrip(folder.resolve("trip"))) {
      create(bad);
      try (RunningServer server = serve(bad, "--member-timeout", "5s");
          Background load = Background.start(folder, load(server))) {
        awaitWrites(server, load);
        bad.hang();
        awaitFaulty(server, bad);
        assertThat(server.errors()).contains("has not answered for 5 seconds");
        awaitWrites(server, load);
        bad.goOn();
        comesBack(server, bad, load);
      }
    }
    identical();
  }

  private ExportedMember withTrip(Path trip) throws IOException {
    return ExportedMember.of(
        folder,
        "bad",
        "--filter=error",
        "--filter=delay",
        "file",
        backing,
        "error=EIO",
        "error-pread-rate=0",
        "error-pwrite-rate=100%",
        "error-file=" + trip,
        "wdelay=1ms");
  }

  private void create(ExportedMember bad, Object... flags) {
    Nbdmirror.command("create", "disk", bad.file(), good)
        .and("--bitmap-chunk", "64K", "--assume-clean")
        .and(flags)
        .run();
  }

  private RunningServer serve(ExportedMember bad, Object... flags) {
    List<Object> arguments = new ArrayList<>(List.of(bad.file(), good));
    arguments.addAll(List.of(flags));
    return RunningServer.start(folder, arguments.toArray());
  }

  private Path noise() throws IOException {
    byte[] noise = new byte[(int) new MemberImage(good).dataBytes()];
    new Random(2).nextBytes(noise);
    return Files.write(folder.resolve("noise"), noise);
  }

  private Command load(RunningServer server) {
    return Command.of("fio", "--name=load", "--ioengine=nbd", "--uri=" + server.unixUri())
        .and("--rw=randwrite", "--bs=4k", "--iodepth=8", "--time_based", "--runtime=600")
        .and("--verify=crc32c", "--verify_backlog=64", "--verify_fatal=1", "--size=16M")
        // One process, so that it ends when it is killed.
        .and("--rate_iops=1000", "--thread")
        .in(folder);
  }

  /** Writes by clients from now on are answered. */
  private static void awaitWrites(RunningServer server, Background load) {
    long before = written(server);
    Awaitility.await("writes of the load")
        .atMost(Duration.ofMinutes(1))
        .until(() -> !load.isRunning() || written(server) > before + (256 << 10));
    assertThat(load.isRunning()).as("the load found no fault").isTrue();
  }

  private static long written(RunningServer server) {
    long bytes = 0;
    for (JsonNode client : server.get("/api/v1/clients").get("clients")) {
      bytes += client.get("writtenBytes").asLong();
    }
    return bytes;
  }

  private static JsonNode member(RunningServer server, ExportedMember bad) {
    for (JsonNode member : server.array().get("members")) {
      if (member.get("path").asText().equals(bad.file().toString())) {
        return member;
      }
    }
    throw new AssertionError(bad.file() + " is no member");
  }

  private static void awaitFaulty(RunningServer server, ExportedMember bad) {
    Awaitility.await("the member's failure")
        .atMost(Duration.ofMinutes(1))
        .until(() -> member(server, bad).at("/role").asText().equals("faulty"));
    assertThat(server.array().at("/state").asText()).isEqualTo("degraded");
  }

  /** And the clients saw nothing of it all. */
  private void comesBack(RunningServer server, ExportedMember bad, Background load)
      throws IOException {
    awaitWrites(server, load);
    server.command("remove", "disk", bad.file()).run();
    // What it was asked when it hung may take a moment to return.
    Awaitility.await("the re-add")
        .atMost(Duration.ofMinutes(1))
        .until(() -> server.command("re-add", "disk", bad.file()).attempt().status() == 0);
    Awaitility.await("the recovery")
        .atMost(Duration.ofMinutes(1))
        .until(() -> member(server, bad).at("/role").asText().equals("in-sync"));
    assertThat(load.isRunning()).as("the load found no fault; it said:%n%s", load.said()).isTrue();
    load.end();
    server.awaitQuiet();
    server.stop();
  }

  private void identical() {
    new TwoMembers(folder, new MemberImage(good), new MemberImage(backing)).areIdentical();
    assertThat(new MemberImage(backing).clean()).isTrue();
  }
}
