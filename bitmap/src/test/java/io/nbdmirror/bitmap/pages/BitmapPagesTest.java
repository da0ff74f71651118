package io.nbdmirror.bitmap.pages;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.pages.PageAttributes.Attribute;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
    assertThat(pages.isDurable(5)).as("I1: cleared in memory, and soon on the medium").isFalse();
    pages.startWrite(0);
    pages.set(5);
    assertThat(pages.isDurable(5)).as("I1").isFalse();
    assertThat(pages.isBeingSet(5)).as("set again after the snapshot").isFalse();
    pages.endWrite(0, true);
    assertThat(pages.isDurable(5)).as("I1").isFalse();
  }

  /** It is on the medium then, but the next write of the page takes it away. */
  @Test
  void aBitClearedWhileItsPageIsWrittenIsNotDurableAfterwards() {
    pages.set(5);
    pages.startWrite(0);
    pages.endWrite(0, true);
    pages.startWrite(0);
    pages.clear(5);
    pages.endWrite(0, true);
    assertThat(pages.isDurable(5)).as("I1").isFalse();
  }

  @Test
  void theSnapshotStaysWhileTheImageChanges() {
    pages.set(5);
    byte before = pages.startWrite(0).getByte(256);
    pages.set(6);
    assertThat(before).isEqualTo((byte) 0x20);
    assertThat(pages.isSet(6)).isTrue();
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
  void startingAWriteTakesWhatItCarriesButNotPending() {
    for (Attribute attribute : Attribute.values()) {
      pages.attributes().set(1, attribute);
    }
    pages.startWrite(1);
    assertThat(pages.attributes().test(1, Attribute.DIRTY)).isFalse();
    assertThat(pages.attributes().test(1, Attribute.NEEDWRITE)).isFalse();
    assertThat(pages.attributes().test(1, Attribute.PENDING)).isTrue();
  }

  @Test
  void bitsBeyondTheLastChunkAreNoBits() {
    BitmapPages odd = new BitmapPages(new BitmapGeometry(13L * 4096, 4096));
    byte[] page = new byte[4096];
    Arrays.fill(page, 256, 4096, (byte) 0xff);
    odd.load(0, Unpooled.wrappedBuffer(page), 0);
    assertThat(odd.setBits()).isEqualTo(13);
    ByteBuf image = odd.startWrite(0);
    assertThat(image.getByte(257)).isEqualTo((byte) 0x1f);
    assertThat(image.getByte(258)).isZero();
    odd.setAll();
    assertThat(odd.setBits()).isEqualTo(13);
  }

  @Test
  void aPageWithoutBitsTakesNoMemory() {
    pages.load(2, Unpooled.wrappedBuffer(new byte[4096]), 0);
    assertThat(pages.isPresent(2)).isFalse();
    assertThat(pages.isSet(40_000) || pages.isDurable(40_000)).isFalse();
    pages.set(40_000);
    assertThat(pages.isPresent(1)).isTrue();
    pages.startWrite(1);
    pages.clear(40_000);
    pages.endWrite(1, true);
    assertThat(pages.isPresent(1)).as("its bit is still on the medium").isTrue();
    pages.startWrite(1);
    pages.endWrite(1, true);
    assertThat(pages.isPresent(1)).isFalse();
    pages.set(40_001);
    assertThat(pages.isSet(40_000)).isFalse();
    assertThat(pages.isDurable(40_001)).isFalse();
  }

  @Test
  void theNextSetChunkIsFoundAcrossPages() {
    for (int chunk : new int[] {3, 64, 30_719, 30_720, 131_000}) {
      pages.set(chunk);
    }
    pages.set(100_000);
    pages.clear(100_000);
    List<Integer> found = new ArrayList<>();
    for (int chunk = pages.nextSet(0); chunk >= 0; chunk = pages.nextSet(chunk + 1)) {
      found.add(chunk);
    }
    assertThat(found).containsExactly(3, 64, 30_719, 30_720, 131_000);
    assertThat(pages.nextSet(pages.geometry().chunks())).isEqualTo(-1);
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
