package io.nbdmirror.integration.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.fasterxml.jackson.databind.JsonNode;
import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Figures;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An operator does things to an array at random, for a minute ({@code NBDMIRROR_SOAK_SECONDS}),
 * while clients check all they read. The seed is printed; {@code NBDMIRROR_SOAK_SEED} sets it.
 */
@Needs("python3")
class LifecycleSoakTest {
  private static final int SECONDS = setting("NBDMIRROR_SOAK_SECONDS").orElse(60L).intValue();
  private static final long SEED =
      setting("NBDMIRROR_SOAK_SEED").orElse(System.nanoTime() / 1000 % 1_000_000);

  /** For what comes after the load: the last recoveries, and a check. */
  private static final Duration REST_LIMIT = Duration.ofMinutes(5);

  private static final long MEMBER_BYTES = 34L << 20;
  private static final int FILES = 6;

  @TempDir Path folder;

  private static Optional<Long> setting(String variable) {
    return Optional.ofNullable(System.getenv(variable)).map(Long::valueOf);
  }

  @Test
  void whateverAnOperatorDoesClientsReadWhatTheyWroteAndMembersEndUpTheSame() throws Exception {
    Figures.show("seed of the soak: " + SEED + ", for " + SECONDS + " s");
    List<Path> files = new ArrayList<>();
    for (int number = 0; number < FILES; number++) {
      files.add(TwoMembers.sparse(folder.resolve("member" + number), MEMBER_BYTES));
    }
    Nbdmirror.command("create", "soak", files.get(0), files.get(1))
        .and("--bitmap-chunk", "64K", "--delay", "1s")
        .run();
    List<Path> members;
    try (RunningServer server =
            RunningServer.start(folder, files.get(0), files.get(1), "--speed-min", "64M");
        Background load = Background.start(folder, load(server))) {
      Operator operator =
          new Operator(server, folder, files, MEMBER_BYTES, new SplittableRandom(SEED));
      try {
        members =
            assertTimeoutPreemptively(
                Duration.ofSeconds(SECONDS).plus(REST_LIMIT),
                () -> {
                  operateUntilItEnds(operator, load);
                  return finish(operator, server);
                });
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError(
            "seed %d: %s%n%s%nserver:%n%s"
                .formatted(SEED, e.getMessage(), operator.story(), server.errors()),
            e);
      }
      Figures.show(operator.story().lines().findFirst().orElse(""));
    }
    for (Path member : members) {
      MemberImage image = new MemberImage(member);
      assertThat(image.clean()).as("seed %d: %s is clean", SEED, member).isTrue();
      assertThat(MemberImage.differingBlocks(new MemberImage(members.getFirst()), image, 4096))
          .as("seed %d: blocks of %s that differ", SEED, member)
          .isEmpty();
    }
  }

  private Command load(RunningServer server) {
    return Command.of("/usr/bin/python3", "-u")
        .and(
            Nbdmirror.ROOT.resolve("integration-tests/src/test/resources/client/shadow.py"),
            server.unixUri())
        .and(SECONDS, SEED, "bursts");
  }

  private static void operateUntilItEnds(Operator operator, Background load) throws Exception {
    Duration pause = Duration.ZERO;
    while (!load.endsWithin(pause)) {
      pause = operator.step();
    }
    load.awaitSuccess(Duration.ofSeconds(1));
  }

  private static List<Path> finish(Operator operator, RunningServer server) {
    operator.complete();
    server.command("check", "soak").run();
    JsonNode array =
        Awaitility.await("the end of the check")
            .atMost(Duration.ofMinutes(1))
            .until(server::array, each -> each.at("/sync/action").asText().equals("idle"));
    assertThat(array.at("/mismatches")).isEmpty();
    List<Path> members = operator.members();
    assertThat(members).hasSizeGreaterThan(1);
    server.stop();
    return members;
  }
}
