package io.nbdmirror.bitmap.counters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ChunkCountersTest {
  private final ChunkCounters counters = new ChunkCounters(2);

  @Test
  void aChunkIsClearableOnlyAfterAWholeIdlePeriod() {
    counters.startWrite(0);
    counters.age(0);
    assertThat(counters.isAged(0)).as("in flight").isFalse();
    counters.endWrite(0, true);
    assertThat(counters.isAged(0)).as("just ended").isFalse();
    counters.age(0);
    assertThat(counters.isAged(0)).isTrue();
    counters.clear(0);
    assertThat(counters.isUnset(0)).isTrue();
  }

  @Test
  void aWriteMakesAnAgedChunkYoungAgain() {
    counters.markSet(0, false);
    counters.age(0);
    counters.startWrite(0);
    counters.endWrite(0, true);
    assertThat(counters.isAged(0)).isFalse();
    assertThatThrownBy(() -> counters.clear(0)).isInstanceOf(AssertionError.class);
  }

  @Test
  void aFailedWriteLeavesTheChunkNeeded() {
    counters.startWrite(0);
    counters.startWrite(0);
    counters.endWrite(0, false);
    counters.endWrite(0, true);
    counters.age(0);
    assertThat(counters.isNeeded(0)).isTrue();
    assertThat(counters.isAged(0)).isFalse();
  }

  @Test
  void aFailureDuringACopySurvivesTheCopy() {
    counters.markSet(0, true);
    counters.startResync(0);
    assertThat(counters.isNeeded(0)).isFalse();
    assertThat(counters.isResyncing(0)).isTrue();
    counters.startWrite(0);
    counters.endWrite(0, false);
    counters.endResync(0, true);
    assertThat(counters.isNeeded(0)).isTrue();
  }

  @Test
  void aCopiedChunkAgesAsAnyOther() {
    counters.markSet(0, true);
    counters.startResync(0);
    counters.age(0);
    assertThat(counters.isAged(0)).as("while it is copied").isFalse();
    counters.endResync(0, true);
    counters.age(0);
    assertThat(counters.isAged(0)).isTrue();
  }

  @Test
  void itCountsToItsLimitAndNoFurther() {
    for (int i = 0; i < ChunkCounters.MAX_WRITES; i++) {
      assertThat(counters.isFull(1)).isFalse();
      counters.startWrite(1);
    }
    assertThat(counters.isFull(1)).isTrue();
    assertThat(counters.writes(1)).isEqualTo(ChunkCounters.MAX_WRITES);
    assertThatThrownBy(() -> counters.startWrite(1)).isInstanceOf(AssertionError.class);
    assertThat(counters.isUnset(0)).as("the neighbour").isTrue();
  }
}
