package io.nbdmirror.bitmap.counters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import java.util.BitSet;
import org.junit.jupiter.api.Test;

class ChunkCountersTest {
  private static final BitmapGeometry GEOMETRY = new BitmapGeometry(100_000L * 4096, 4096);

  private final BitSet bits = new BitSet();
  private final ChunkCounters counters = new ChunkCounters(GEOMETRY, bits::get);

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
    bits.set(0);
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
    counters.markNeeded(0);
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
    counters.markNeeded(0);
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

  @Test
  void memoryFollowsUse() {
    assertThat(counters.pagesInUse()).isZero();
    bits.set(50_000);
    assertThat(counters.isUnset(50_000)).as("set, and nothing counted").isFalse();
    assertThat(counters.pagesInUse()).isZero();
    counters.startWrite(99_999);
    counters.startWrite(1);
    assertThat(counters.pagesInUse()).isEqualTo(2);
    counters.endWrite(99_999, true);
    counters.age(99_999);
    counters.clear(99_999);
    assertThat(counters.pagesInUse()).isEqualTo(1);
    assertThat(counters.isUnset(99_999)).isTrue();
  }

  @Test
  void aPageThatIsCountedFirstKnowsItsSetBits() {
    bits.set(40_000);
    counters.startWrite(40_001);
    counters.age(40_000);
    assertThat(counters.isAged(40_000)).isTrue();
    assertThat(counters.agedChunks()).isEqualTo(1);
    assertThat(counters.isUnset(40_002)).isTrue();
  }

  @Test
  void allNeededMeansAllThatAreSetAndNoneThatComeLater() {
    bits.set(40_000);
    bits.set(5);
    counters.startWrite(5);
    counters.age(6);
    counters.markAllNeeded();
    assertThat(counters.isNeeded(40_000)).as("not counted yet").isTrue();
    assertThat(counters.isNeeded(5)).as("in flight").isTrue();
    assertThat(counters.isNeeded(6)).as("unset").isFalse();
    counters.startWrite(6);
    counters.startWrite(40_001);
    assertThat(counters.isNeeded(6)).isFalse();
    assertThat(counters.isNeeded(40_001)).isFalse();
    assertThat(counters.isNeeded(40_000)).isTrue();
    counters.startResync(40_000);
    counters.endResync(40_000, true);
    assertThat(counters.isNeeded(40_000)).isFalse();
    assertThat(counters.isNeeded(5)).isTrue();
    counters.endWrite(5, true);
    assertThat(counters.isNeeded(5)).isTrue();
  }

  @Test
  void anAgedChunkThatBecomesNeededIsNotCounted() {
    bits.set(5);
    counters.age(5);
    counters.markAllNeeded();
    assertThat(counters.isAged(5)).isFalse();
    counters.startWrite(6);
    assertThat(counters.agedChunks()).isZero();
  }
}
