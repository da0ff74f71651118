package io.nbdmirror.raid.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The simulator itself, and the seeds that ever told of a mistake. */
class SimulationTest {
  private static final int STEPS = 300;

  @Test
  void aSeedReplaysToTheSameByte() {
    Tally first = SeedRun.run(42, STEPS, null);
    Tally again = SeedRun.run(42, STEPS, null);
    assertThat(again.hash()).isEqualTo(first.hash());
    assertThat(again.operations).isEqualTo(first.operations);
    assertThat(SeedRun.run(43, STEPS, null).hash()).isNotEqualTo(first.hash());
  }

  @Test
  void aFewSeedsReachMostStates() {
    Tally all = new Tally();
    LongStream.range(0, 12).forEach(seed -> all.add(SeedRun.run(seed, STEPS, null)));
    assertThat(all.coverage.missed()).hasSizeLessThan(Coverage.State.values().length / 2);
    assertThat(all.crashes).isGreaterThan(20);
    assertThat(all.reassemblies).isPositive();
  }

  static List<String> failedSeeds() throws IOException {
    try (InputStream file = SimulationTest.class.getResourceAsStream("failed-seeds.txt")) {
      assertThat(file).isNotNull();
      return new String(file.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.isBlank() && !line.startsWith("#"))
          .toList();
    }
  }

  /** Seed, steps, and what it found: the last for people only. */
  @ParameterizedTest
  @MethodSource("failedSeeds")
  void aSeedThatEverFailedPasses(String line) {
    String[] words = line.split("\\s+", 3);
    assertThat(SeedRun.run(Long.parseLong(words[0]), Integer.parseInt(words[1]), null).operations)
        .isPositive();
  }
}
