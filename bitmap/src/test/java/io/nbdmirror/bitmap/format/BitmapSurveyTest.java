package io.nbdmirror.bitmap.format;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class BitmapSurveyTest {
  private final TreeMap<Integer, ChunkState> states = new TreeMap<>();

  private BitmapSurvey survey(BitmapGeometry geometry, int maxRanges, int steps) {
    BitmapSurvey survey = new BitmapSurvey(geometry, maxRanges);
    ChunkStates chunks =
        new ChunkStates() {
          @Override
          public int nextSet(int from) {
            Integer next = states.ceilingKey(from);
            return next == null ? -1 : next;
          }

          @Override
          public ChunkState stateOf(int chunk) {
            return states.getOrDefault(chunk, ChunkState.CLEAN);
          }
        };
    int turns = 0;
    while (!survey.goOn(chunks, steps)) {
      turns++;
      assertThat(turns).isLessThan(10_000);
    }
    return survey;
  }

  @Test
  void aSmallDeviceHasACellForEachChunk() {
    states.put(0, ChunkState.DIRTY);
    states.put(63, ChunkState.NEEDS_RESYNC);
    states.put(64, ChunkState.RESYNCING);
    BitmapSurvey survey = survey(new BitmapGeometry(70 * 65536 - 1000, 65536), 10, 100);
    assertThat(survey.picture().cellChunks()).isEqualTo(1);
    assertThat(survey.picture().rows()).containsExactly("#" + ".".repeat(62) + "!", ">.....");
    assertThat(survey.dirtyChunks()).isEqualTo(3);
    assertThat(survey.needsResyncChunks()).isEqualTo(1);
    assertThat(survey.resyncingChunks()).isEqualTo(1);
  }

  @Test
  void aLargeDeviceFitsOneScreenAndACellShowsTheWorstOfItsChunks() {
    states.put(0, ChunkState.DIRTY);
    states.put(1, ChunkState.NEEDS_RESYNC);
    states.put(2, ChunkState.RESYNCING);
    int chunks = 268_435_456;
    states.put(chunks - 1, ChunkState.DIRTY);
    BitmapSurvey survey = survey(new BitmapGeometry(16L << 40, 65536), 10, 100);
    assertThat(survey.picture().rows()).hasSize(16).allMatch(row -> row.length() == 64);
    assertThat(survey.picture().rows().getFirst()).startsWith("!.");
    assertThat(survey.picture().rows().getLast()).endsWith(".#");
    assertThat(survey.picture().cellChunks()).isEqualTo(chunks / 1024);
    assertThat(survey.picture().cellBytes()).isEqualTo(16L << 30);
  }

  @Test
  void rangesJoinAcrossStepsAndTheLastChunkMayBeShort() {
    for (int chunk : new int[] {2, 3, 4, 9}) {
      states.put(chunk, ChunkState.DIRTY);
    }
    BitmapGeometry geometry = new BitmapGeometry(10 * 4096 - 512, 4096);
    for (int steps = 1; steps < 6; steps++) {
      BitmapSurvey survey = survey(geometry, 10, steps);
      assertThat(survey.ranges())
          .containsExactly(
              new BitmapSurvey.Range(2 * 4096, 3 * 4096), new BitmapSurvey.Range(9 * 4096, 3584));
      assertThat(survey.dirtyBytes()).isEqualTo(3 * 4096 + 3584);
    }
  }

  @Test
  void rangesBeyondTheLimitAreCounted() {
    for (int chunk = 0; chunk < 20; chunk += 2) {
      states.put(chunk, ChunkState.DIRTY);
    }
    BitmapSurvey survey = survey(new BitmapGeometry(100 * 4096, 4096), 3, 4);
    assertThat(survey.ranges()).hasSize(3);
    assertThat(survey.omittedRanges()).isEqualTo(7);
    assertThat(survey.dirtyChunks()).isEqualTo(10);
  }

  @Test
  void nothingDirtyIsNothingToShow() {
    BitmapSurvey survey = survey(new BitmapGeometry(1 << 20, 65536), 3, 1);
    assertThat(survey.ranges()).isEmpty();
    assertThat(survey.picture().rows()).containsExactly("................");
  }
}
