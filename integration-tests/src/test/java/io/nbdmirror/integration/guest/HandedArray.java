package io.nbdmirror.integration.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.function.Predicate;
import org.awaitility.Awaitility;

/**
 * An array with a filesystem on it that is handed back and forth between a server of ours and a
 * guest's md, named for what it is in the middle of when either crashes.
 *
 * @param folder where its files lie
 */
record HandedArray(Path folder, String name) {
  static final long MEMBER_BYTES = 32L << 20;
  static final int CHUNK_BYTES = 64 << 10;

  /** A member's file, made if it is not there. */
  MemberImage member(int number) {
    return new MemberImage(TwoMembers.sparse(folder.resolve(name + number), MEMBER_BYTES));
  }

  /** Makes an array of the first two. */
  void create(Object... flags) {
    Nbdmirror.command("create", name, member(0).file(), member(1).file())
        .and("--bitmap-chunk", "64K")
        .and(flags)
        .run();
  }

  /** Fills two members with what is not the same on both. */
  void fillWithNoise() throws IOException {
    for (int number = 0; number < 2; number++) {
      byte[] noise = new byte[(int) MEMBER_BYTES];
      new Random(number).nextBytes(noise);
      Files.write(member(number).file(), noise);
    }
  }

  /** Makes the second member differ in every chunk that is marked, as an outage might. */
  void damageWhatIsMarked() {
    member(1).dirtyChunks().stream()
        .forEach(chunk -> member(1).damage((long) chunk * CHUNK_BYTES + 512, new byte[] {1, 2, 3}));
  }

  private String uri(RunningServer server) {
    return "nbd+unix:///%s?socket=%s".formatted(name, server.unixSocket());
  }

  void write(RunningServer server, Path image) {
    copy(server, image).run();
  }

  /** The command that writes an image to the array. */
  Command copy(RunningServer server, Path image) {
    return Command.of("nbdcopy", "--flush", image, uri(server));
  }

  /** What a client reads, with the filesystem's journal replayed; fails unless that is clean. */
  Path filesystem(RunningServer server) {
    Path image = folder.resolve(name + ".filesystem");
    Command.of("nbdcopy", uri(server), image).run();
    Command.of("e2fsck", "-E", "journal_only", "-y", image).attempt();
    Command.of("e2fsck", "-f", "-n", image).run();
    return image;
  }

  /** The filesystem straight from a member; fails unless it is clean. */
  Path filesystem(MemberImage member) throws IOException {
    Path image = folder.resolve(name + ".filesystem");
    Files.write(image, member.data(0, (int) member.dataBytes()));
    Command.of("e2fsck", "-f", "-n", image).run();
    return image;
  }

  JsonNode status(RunningServer server) {
    for (JsonNode array : server.get("/api/v1/arrays").get("arrays")) {
      // A kernel's mdadm puts its host before the name.
      if (array.get("name").asText().replaceFirst(".*:", "").equals(name)) {
        return array;
      }
    }
    throw new AssertionError(name + " is not served");
  }

  /** Waits for it, and fails saying how it is if that does not come about. */
  JsonNode await(RunningServer server, String what, Predicate<JsonNode> condition) {
    return Awaitility.await(name + ": " + what)
        .atMost(Duration.ofMinutes(1))
        .pollInterval(Duration.ofMillis(100))
        .until(() -> status(server), condition);
  }

  /** Waits until nothing is left to be copied, and two members are in sync. */
  void awaitComplete(RunningServer server) {
    await(
        server,
        "complete",
        array ->
            array.at("/sync/action").asText().equals("idle")
                && count(array, "in-sync") == 2
                && count(array, "rebuilding") == 0);
  }

  private static long count(JsonNode array, String role) {
    return array
        .at("/members")
        .valueStream()
        .filter(member -> member.at("/role").asText().equals(role))
        .count();
  }

  /** Fails the test unless the array's bytes are the same on both. */
  void areIdentical(int one, int other) {
    assertThat(MemberImage.differingBlocks(member(one), member(other), 4096))
        .as("blocks of %s that differ", name)
        .isEmpty();
  }
}
