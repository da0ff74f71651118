package io.nbdmirror.bitmap.pages;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import org.junit.jupiter.api.Test;

class BitmapPagesTest {
  private final BitmapPages pages = new BitmapPages(new BitmapGeometry(1L << 30, 4096));

  @Test
  void aBitIsDurableOnceItsPageWasWritten() {
    pages.set(5);
    assertThat(pages.isDurable(5)).isFalse();
    pages.startWrite(0);
    assertThat(pages.isDurable(5)).as("while it is written").isFalse();
    assertThat(pages.isBeingSet(5)).isTrue();
    pages.endWrite(0, true);
    assertThat(pages.isDurable(5)).isTrue();
  }

  @Test
  void aBitWhoseClearingIsInFlightIsNotDurable() {
    pages.set(5);
    pages.startWrite(0);
    pages.endWrite(0, true);
    pages.clear(5);
    assertThat(pages.isDurable(5)).as("cleared in memory only").isTrue();
    pages.startWrite(0);
    pages.set(5);
    assertThat(pages.isDurable(5)).as("I1").isFalse();
    assertThat(pages.isBeingSet(5)).as("set again after the snapshot").isFalse();
    pages.endWrite(0, true);
    assertThat(pages.isDurable(5)).as("I1").isFalse();
  }

  @Test
  void theSnapshotStaysWhileTheImageChanges() {
    pages.set(5);
    byte before = pages.startWrite(0).getByte(256);
    pages.set(6);
    assertThat(before).isEqualTo((byte) 0x20);
    assertThat(pages.image().getByte(256)).isEqualTo((byte) 0x60);
    pages.endWrite(0, true);
    assertThat(pages.isDurable(6)).isFalse();
  }

  @Test
  void aFailedWriteMakesNothingDurable() {
    pages.set(5);
    pages.startWrite(0);
    pages.endWrite(0, false);
    assertThat(pages.isDurable(5)).isFalse();
  }

  @Test
  void twoWritesOfOnePageAtOnceAreAMistake() {
    pages.startWrite(3);
    assertThatThrownBy(() -> pages.startWrite(3)).isInstanceOf(AssertionError.class);
  }

  @Test
  void attributesAreKeptApart() {
    int[] all = {BitmapPages.DIRTY, BitmapPages.PENDING, BitmapPages.NEEDWRITE};
    for (int one : all) {
      pages.mark(2, one);
      for (int other : all) {
        assertThat(pages.has(2, other)).isEqualTo(other == one);
      }
      assertThat(pages.has(1, one)).isFalse();
      pages.unmark(2, one);
      assertThat(pages.has(2, one)).isFalse();
    }
  }

  @Test
  void startingAWriteTakesWhatItCarriesButNotPending() {
    pages.mark(1, BitmapPages.DIRTY | BitmapPages.NEEDWRITE | BitmapPages.PENDING);
    pages.startWrite(1);
    assertThat(pages.has(1, BitmapPages.DIRTY | BitmapPages.NEEDWRITE)).isFalse();
    assertThat(pages.has(1, BitmapPages.PENDING)).isTrue();
  }

  @Test
  void bitsBeyondTheLastChunkAreNoBits() {
    BitmapPages odd = new BitmapPages(new BitmapGeometry(13L * 4096, 4096));
    for (int at = 256; at < 4096; at++) {
      odd.image().setByte(at, 0xff);
    }
    odd.loaded();
    assertThat(odd.setBits()).isEqualTo(13);
    assertThat(odd.image().getByte(257)).isEqualTo((byte) 0x1f);
    assertThat(odd.image().getByte(258)).isZero();
  }

  @Test
  void setBitsAreCountedOnce() {
    pages.set(40_000);
    pages.set(40_000);
    pages.set(7);
    pages.clear(7);
    pages.clear(7);
    assertThat(pages.setBits()).isEqualTo(1);
    assertThat(pages.isSet(40_000)).isTrue();
  }
}
