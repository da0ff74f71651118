package io.nbdmirror.raid.resync;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.raid.status.ArrayStatus.Mismatch;
import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The list of ranges in which members differ. */
class MismatchesTest {
  private final Mismatches mismatches = new Mismatches();

  @Test
  void neighboursBecomeOneInWhateverOrderTheyCome() {
    mismatches.add(1024, 1536);
    mismatches.add(0, 512);
    mismatches.add(4096, 8192);
    mismatches.add(512, 1024);
    assertThat(mismatches.list()).containsExactly(new Mismatch(0, 1536), new Mismatch(4096, 4096));
    assertThat(mismatches.bytes()).isEqualTo(1536 + 4096);
  }

  @Test
  void aRangeIsTakenOutOfTheMiddleOfOne() {
    mismatches.add(0, 4096);
    mismatches.remove(512, 1024);
    assertThat(mismatches.list()).containsExactly(new Mismatch(0, 512), new Mismatch(1024, 3072));
    assertThat(mismatches.bytes()).isEqualTo(3584);
  }

  @Test
  void moreThanAreListedAreCounted() {
    for (int i = 0; i < Mismatches.MAX_RANGES + 100; i++) {
      mismatches.add(i * 1024L, i * 1024L + 512);
    }
    assertThat(mismatches.list()).hasSize(Mismatches.MAX_RANGES);
    assertThat(mismatches.bytes()).isEqualTo((Mismatches.MAX_RANGES + 100) * 512L);
    assertThat(mismatches.isCut()).isTrue();
    mismatches.clear();
    assertThat(mismatches.isEmpty()).isTrue();
  }

  @Test
  void whateverIsAddedAndRemovedTheListIsWhatASetOfBlocksWouldBe() {
    SplittableRandom random = new SplittableRandom(4);
    BitSet model = new BitSet();
    for (int round = 0; round < 5000; round++) {
      int from = random.nextInt(200);
      int to = from + 1 + random.nextInt(20);
      if (random.nextBoolean()) {
        mismatches.remove(from, to);
        mismatches.add(from, to);
        model.set(from, to);
      } else {
        mismatches.remove(from, to);
        model.clear(from, to);
      }
      BitSet listed = new BitSet();
      mismatches
          .list()
          .forEach(
              m -> listed.set((int) m.offsetBytes(), (int) (m.offsetBytes() + m.lengthBytes())));
      assertThat(listed).isEqualTo(model);
      assertThat(mismatches.bytes()).isEqualTo(model.cardinality());
      assertThat((long) mismatches.count())
          .isEqualTo(model.stream().filter(block -> block == 0 || !model.get(block - 1)).count());
    }
  }
}
