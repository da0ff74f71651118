package io.nbdmirror.integration.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Finished;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.assertj.core.api.AbstractStringAssert;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Members that come and go by command while a client writes and reads back what it wrote. */
class MemberCommandsTest {
  private static final long MEMBER_BYTES = 64L << 20;

  @TempDir Path folder;

  @Test
  @Needs("fio")
  void membersComeAndGoUnderVerifiedLoadAndTheProgramIsTold() throws IOException {
    TwoMembers members = TwoMembers.create(folder, "disk", MEMBER_BYTES, "--bitmap-chunk", "64K");
    Path first = members.first().file();
    Path second = members.second().file();
    Path third = TwoMembers.sparse(folder.resolve("third.img"), MEMBER_BYTES);
    Path fourth = TwoMembers.sparse(folder.resolve("fourth.img"), MEMBER_BYTES);
    Path told = folder.resolve("told");
    try (RunningServer server = members.serve("--on-event", script("echo \"$@\" >> " + told));
        Background load = Background.start(folder, load(server))) {
      awaitWrites(server);
      say(server, "fail", "disk", second).isEqualTo("array disk: %s is faulty\n".formatted(second));
      say(server, "remove", "disk", second).contains("is removed");
      say(server, "re-add", "disk", second).startsWith("array disk: " + second);
      awaitComplete(server, 2);

      say(server, "replace", "disk", first, third)
          .containsPattern("third.img is (being rebuilt, in slot 0|in sync)");
      awaitRole(server, third, "in-sync");
      say(server, "remove", "disk", first).contains("is removed");
      awaitComplete(server, 2);

      say(server, "grow", "disk", "--raid-devices", "3").contains("3 members make it complete");
      say(server, "add", "disk", fourth)
          .containsPattern("fourth.img is (being rebuilt, in slot 2|in sync)");
      awaitComplete(server, 3);
      say(server, "set", "disk", fourth, "--write-mostly").contains("is write-mostly");
      assertThat(load.isRunning()).as("the load found no fault").isTrue();
      load.end();
      server.awaitQuiet();
      assertThat(server.command("status").run().out())
          .contains("3 of 3 members in sync [UUU]", "fourth.img (write-mostly)");
      server.stop();
    }
    MemberImage copy = new MemberImage(third);
    for (Path other : List.of(second, fourth)) {
      assertThat(MemberImage.differingBlocks(copy, new MemberImage(other), 4096))
          .as(other + " differs")
          .isEmpty();
    }
    assertThat(Files.readAllLines(told))
        .startsWith("NewArray disk")
        .contains(
            "Fail disk " + second,
            "MemberRemoved disk " + second,
            "RebuildStarted disk",
            "RebuildFinished disk",
            "SpareActive disk " + third,
            "SpareActive disk " + fourth)
        .endsWith("DeviceDisappeared disk");
  }

  @Test
  void aCheckListsWhatDiffersByBytesAndARepairTakesTheMemberThatIsNamed() throws IOException {
    TwoMembers members = TwoMembers.create(folder, "disk", MEMBER_BYTES, "--assume-clean");
    MemberImage second = members.second();
    long offsetBytes = 8 << 20;
    second.damage(offsetBytes, new byte[] {1, 2, 3});
    try (RunningServer server = members.serve()) {
      say(server, "check", "disk").isEqualTo("array disk: members are being compared\n");
      JsonNode array = awaitIdle(server);
      assertThat(array.at("/mismatches")).hasSize(1);
      assertThat(array.at("/mismatches/0/offsetBytes").asLong()).isEqualTo(offsetBytes);
      assertThat(server.command("detail", "disk").run().out())
          .contains("Mismatch : 512 bytes at byte " + offsetBytes);
      refused(server, "repair", "disk", "--from", folder.resolve("none")).contains("no member");
      say(server, "repair", "disk", "--from", second.file()).contains("the same as");
      awaitIdle(server);
      say(server, "check", "disk").contains("are being compared");
      assertThat(awaitIdle(server).at("/mismatches")).isEmpty();
      say(server, "idle", "disk").contains("nothing is compared any more");
      say(server, "set", "disk", "--speed-max", "50M").contains("1048576 to 52428800 bytes");
      server.stop();
    }
    members.areIdentical();
    assertThat(members.first().data(offsetBytes, 3)).containsExactly(1, 2, 3);
  }

  private static JsonNode awaitIdle(RunningServer server) {
    return Awaitility.await("the end of the check or repair")
        .atMost(Duration.ofMinutes(1))
        .until(server::array, array -> array.at("/sync/action").asText().equals("idle"));
  }

  @Test
  void whatIsRefusedIsOneSentenceAndChangesNothing() throws IOException {
    TwoMembers members = TwoMembers.create(folder, "disk", MEMBER_BYTES, "--assume-clean");
    TwoMembers others = TwoMembers.create(folder, "other", MEMBER_BYTES, "--assume-clean");
    Path second = members.second().file();
    Path small = TwoMembers.sparse(folder.resolve("small.img"), 1 << 20);
    try (RunningServer server = members.serve()) {
      refused(server, "remove", "disk", second).contains("fail it first");
      refused(server, "fail", "disk", folder.resolve("none")).contains("no member of array disk");
      refused(server, "add", "disk", second).contains("is a member of array disk already");
      refused(server, "add", "disk", small).contains("small.img");
      refused(server, "add", "disk", folder.resolve("none")).contains("none");
      refused(server, "add", "disk", others.first().file()).contains("'other'", "--force");
      refused(server, "re-add", "disk", others.first().file()).contains("cannot be re-added");
      refused(server, "grow", "disk", "--raid-devices", "1").contains("fail and remove it first");
      server.command("fail", "disk", second).run();
      refused(server, "fail", "disk", members.first().file()).contains("the only member");
      server.stop();
    }
    others.areIdentical();
    assertThat(others.first().clean()).isTrue();
  }

  @Test
  void aServerIsConfiguredByAFile() throws IOException {
    TwoMembers members = TwoMembers.create(folder, "disk", MEMBER_BYTES, "--assume-clean");
    TwoMembers.sparse(folder.resolve("disk-notes.img"), MEMBER_BYTES);
    TwoMembers.create(folder, "other", MEMBER_BYTES, "--assume-clean");
    Path config =
        Files.writeString(
            folder.resolve("nbdmirror.toml"),
            """
            member-timeout = "20s"
            [[array]]
            members = ["disk*.img"]
            """);
    try (RunningServer server = RunningServer.start(folder, "--config", config)) {
      assertThat(server.array().at("/name").asText()).isEqualTo("disk");
      assertThat(server.array().at("/state").asText()).isEqualTo("clean");
      server.stop();
    }
    members.areClean();
  }

  private static AbstractStringAssert<?> say(RunningServer server, Object... words) {
    return assertThat(server.command(words).run().out());
  }

  private static AbstractStringAssert<?> refused(RunningServer server, Object... words) {
    Finished finished = server.command(words).attempt();
    assertThat(finished.status()).as(finished.toString()).isEqualTo(1);
    assertThat(finished.out()).isEmpty();
    assertThat(finished.err().lines()).as("lines on stderr").hasSize(1);
    return assertThat(finished.err());
  }

  private static void awaitWrites(RunningServer server) {
    Awaitility.await("the load's writes")
        .atMost(Duration.ofMinutes(1))
        .until(() -> server.array().at("/bitmap/dirtyChunks").asLong() > 10);
  }

  private static void awaitComplete(RunningServer server, int count) {
    Awaitility.await(count + " members in sync")
        .atMost(Duration.ofMinutes(1))
        .until(() -> inSync(server.array()) == count);
  }

  private static long inSync(JsonNode array) {
    return array.at("/members").valueStream().filter(MemberCommandsTest::isInSync).count();
  }

  private static boolean isInSync(JsonNode member) {
    return member.at("/role").asText().equals("in-sync");
  }

  private static void awaitRole(RunningServer server, Path member, String role) {
    Awaitility.await(member + " is " + role)
        .atMost(Duration.ofMinutes(1))
        .until(() ->
            server
                .array()
                .at("/members")
                .valueStream()
                .anyMatch(each ->
                    each.at("/path").asText().equals(member.toString())
                        && each.at("/role").asText().equals(role)));
  }

  private Command load(RunningServer server) {
    return Command.of("fio", "--name=load", "--ioengine=nbd", "--uri=" + server.unixUri())
        .and("--rw=randwrite", "--bs=4k", "--iodepth=16", "--time_based", "--runtime=600")
        .and("--verify=crc32c", "--verify_backlog=64", "--verify_fatal=1", "--size=32M")
        // One process, so that it ends when it is killed.
        .and("--rate_iops=1000", "--thread")
        .in(folder);
  }

  private Path script(String body) throws IOException {
    Path script = Files.writeString(folder.resolve("script"), "#!/bin/sh\n" + body + "\n");
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
    return script;
  }
}
