package io.nbdmirror.raid.write;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The order of overlapping changes (I11), held against one that looks at every pair. */
class WriteOrderTest {
  private static final long MIB = 1 << 20;

  private final WriteOrder order = new WriteOrder();

  /** All that came and have not gone, the earliest first. */
  private final List<Range> present = new ArrayList<>();

  private final class Range extends OrderedRange {
    private boolean granted;

    Range(long start, long end) {
      setRange(start, end);
    }

    @Override
    protected void granted() {
      assertThat(granted).as("granted twice").isFalse();
      assertThat(mustWait(this)).as("an earlier one overlaps").isFalse();
      granted = true;
    }

    boolean overlaps(Range other) {
      return startBytes() < other.endBytes() && other.startBytes() < endBytes();
    }
  }

  private boolean mustWait(Range range) {
    for (Range earlier : present) {
      if (earlier.equals(range)) {
        return false;
      }
      if (earlier.overlaps(range)) {
        return true;
      }
    }
    return false;
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void eachIsGrantedWhenAllThatOverlapAndCameBeforeAreGone(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int waited = 0;
    for (int step = 0; step < 20_000; step++) {
      if (present.size() < 40 && random.nextBoolean()) {
        Range range = randomRange(random);
        present.add(range);
        range.granted = order.acquire(range);
        assertThat(range.granted).isEqualTo(!mustWait(range));
        waited += range.granted ? 0 : 1;
      } else if (!present.isEmpty()) {
        releaseOne(random);
      }
      for (Range range : present) {
        assertThat(range.granted).as("seed %d, step %d", seed, step).isEqualTo(!mustWait(range));
      }
      assertThat(order.size()).isEqualTo(present.size());
    }
    assertThat(waited).isGreaterThan(1000);
  }

  /** Small ones, ones that cross a bucket's end, and a few that reach over thousands of buckets. */
  private Range randomRange(SplittableRandom random) {
    long start = random.nextLong(64) * MIB / 4 + random.nextLong(4) * 4096;
    long length =
        switch (random.nextInt(20)) {
          case 0 -> 3000 * MIB;
          case 1, 2, 3 -> MIB;
          default -> 4096 * (1 + random.nextLong(8));
        };
    return new Range(start, start + length);
  }

  private void releaseOne(SplittableRandom random) {
    List<Range> granted = present.stream().filter(range -> range.granted).toList();
    Range range = granted.get(random.nextInt(granted.size()));
    present.remove(range);
    order.release(range);
  }
}
