package io.nbdmirror.raid.badblocks;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.raid.superblock.BadBlockLog;
import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The set of a member's bad sectors. */
class BadBlocksTest {
  private final BadBlocks bad = new BadBlocks(4, 0);

  @Test
  void thereAreNoneAtFirst() {
    assertThat(bad.isEmpty()).isTrue();
    assertThat(bad.overlaps(0, Long.MAX_VALUE)).isFalse();
    assertThat(bad.nextEdge(0)).isEqualTo(Long.MAX_VALUE);
    assertThat(bad.entries()).isEmpty();
  }

  @Test
  void runsThatTouchAreOne() {
    assertThat(bad.add(8, 16)).isTrue();
    assertThat(bad.add(24, 32)).isTrue();
    assertThat(bad.add(16, 24)).isTrue();
    assertThat(bad.entries()).containsExactly(new BadBlockLog.Entry(8, 24));
    assertThat(bad.sectors()).isEqualTo(24);
  }

  @Test
  void edgesAreWhereGoodTurnsToBadAndBack() {
    bad.add(8, 16);
    assertThat(bad.nextEdge(0)).isEqualTo(8);
    assertThat(bad.nextEdge(8)).isEqualTo(16);
    assertThat(bad.nextEdge(15)).isEqualTo(16);
    assertThat(bad.nextEdge(16)).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void aRunLongerThanAnEntryTakesSeveral() {
    assertThat(bad.add(100, 100 + 512L * 3 + 1)).isTrue();
    assertThat(bad.entries())
        .containsExactly(
            new BadBlockLog.Entry(100, 512),
            new BadBlockLog.Entry(612, 512),
            new BadBlockLog.Entry(1124, 512),
            new BadBlockLog.Entry(1636, 1));
    assertThat(bad.add(100 + 512L * 3 + 1, 5000)).as("there is room for four").isFalse();
    assertThat(bad.sectors()).isEqualTo(512L * 3 + 1);
  }

  @Test
  void aFullLogTakesNoMoreButWhatItHasAlready() {
    for (int i = 0; i < 4; i++) {
      assertThat(bad.add(i * 10L, i * 10L + 1)).isTrue();
    }
    assertThat(bad.add(100, 101)).isFalse();
    assertThat(bad.overlaps(100, 101)).isFalse();
    assertThat(bad.add(10, 11)).isTrue();
    assertThat(bad.add(11, 20)).as("makes two runs one").isTrue();
  }

  @Test
  void whatNeedsMoreEntriesThanThereIsRoomForStaysBad() {
    bad.add(0, 30);
    bad.add(100, 101);
    bad.add(110, 111);
    bad.add(120, 121);
    assertThat(bad.remove(10, 20)).isFalse();
    assertThat(bad.overlaps(10, 20)).isTrue();
    assertThat(bad.remove(0, 10)).isTrue();
    assertThat(bad.overlaps(0, 10)).isFalse();
  }

  @Test
  void aCoarseLogWidensWhatIsAddedAndNarrowsWhatIsRemoved() {
    BadBlocks coarse = new BadBlocks(4, 3);
    coarse.add(9, 10);
    assertThat(coarse.entries()).containsExactly(new BadBlockLog.Entry(8, 8));
    assertThat(coarse.remove(9, 16)).isFalse();
    assertThat(coarse.remove(8, 16)).isTrue();
    assertThat(coarse.isEmpty()).isTrue();
  }

  @Test
  void aMemberWithoutALogHasRoomForNone() {
    assertThat(new BadBlocks(0, 0).add(1, 2)).isFalse();
  }

  @Test
  void whatChangedIsToBeSaved() {
    assertThat(bad.isUnsaved()).isFalse();
    bad.add(1, 2);
    assertThat(bad.isUnsaved()).isTrue();
    bad.saved();
    bad.add(1, 2);
    assertThat(bad.isUnsaved()).as("nothing new").isFalse();
    bad.remove(1, 2);
    assertThat(bad.isUnsaved()).isTrue();
  }

  @Test
  void itAgreesWithASectorBySectorTable() {
    SplittableRandom random = new SplittableRandom(5);
    BadBlocks set = new BadBlocks(1000, 0);
    BitSet table = new BitSet();
    for (int i = 0; i < 2000; i++) {
      int start = random.nextInt(300);
      int end = start + 1 + random.nextInt(20);
      if (random.nextBoolean()) {
        set.add(start, end);
        table.set(start, end);
      } else {
        set.remove(start, end);
        table.clear(start, end);
      }
      int from = random.nextInt(320);
      int to = from + 1 + random.nextInt(20);
      int bit = table.nextSetBit(from);
      assertThat(set.overlaps(from, to)).isEqualTo(bit >= 0 && bit < to);
      assertThat(set.covers(from, to)).isEqualTo(table.nextClearBit(from) >= to);
      assertThat(set.sectors()).isEqualTo(table.cardinality());
      int edge = table.get(from) ? table.nextClearBit(from) : bit;
      assertThat(set.nextEdge(from)).isEqualTo(edge < 0 ? Long.MAX_VALUE : edge);
    }
  }
}
