package io.nbdmirror.nbd.transmission;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.Extent;
import java.util.List;
import org.junit.jupiter.api.Test;

/** When a read asks for holes, and when that would cost more than it saves. */
class HoleSearchTest {
  private static final int KIB = 1 << 10;
  private static final int MIB = 1 << 20;

  private final HoleSearch search = new HoleSearch();

  @Test
  void shortReadsNeverAsk() {
    assertThat(search.isWorthwhile(0, 32 * KIB - 1)).isFalse();
    assertThat(search.isWorthwhile(0, 32 * KIB)).isTrue();
  }

  @Test
  void whatWasFoundToBeDataIsNotAskedAboutAgain() {
    assertThat(search.found(List.of(data(0, 8 * MIB), hole(8 * MIB, 8 * MIB)), 0, 64 * KIB))
        .isFalse();
    assertThat(search.isWorthwhile(4 * MIB, 64 * KIB)).isFalse();
    assertThat(search.isWorthwhile(8 * MIB - 64 * KIB, 64 * KIB)).isFalse();
  }

  @Test
  void readsOfDataEverywhereAskLessAndLess() {
    int asked = 0;
    for (int i = 0; i < 10_000; i++) {
      long offset = i % 2 * 500L * MIB + i * 64L * KIB;
      if (search.isWorthwhile(offset, 64 * KIB)) {
        asked++;
        assertThat(search.found(List.of(data(offset, 64 * KIB)), offset, 64 * KIB)).isFalse();
      }
    }
    assertThat(asked).isLessThan(10_000 / 50);
  }

  @Test
  void oneHoleFoundMakesTheNextReadAskAgain() {
    search.found(List.of(data(0, MIB)), 0, 64 * KIB);
    search.found(List.of(data(MIB, MIB)), MIB, 64 * KIB);
    search.found(List.of(hole(4 * MIB, MIB)), 4 * MIB, 64 * KIB);
    assertThat(search.isWorthwhile(8 * MIB, 64 * KIB)).isTrue();
  }

  @Test
  void onlyHolesWithinTheReadAndLongEnoughCount() {
    assertThat(search.found(List.of(data(0, MIB), hole(MIB, MIB)), 0, MIB)).isFalse();
    assertThat(search.found(List.of(data(0, MIB), hole(MIB, MIB)), 0, MIB + 16 * KIB)).isTrue();
    assertThat(search.found(List.of(hole(0, 16 * KIB - 1), data(16 * KIB - 1, MIB)), 0, MIB))
        .isFalse();
    assertThat(search.found(List.of(), 0, MIB)).as("nothing is known").isFalse();
  }

  private static Extent data(long offset, long length) {
    return new Extent(offset, length, false);
  }

  private static Extent hole(long offset, long length) {
    return new Extent(offset, length, true);
  }
}
