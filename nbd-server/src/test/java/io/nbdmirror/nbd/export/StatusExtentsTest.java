package io.nbdmirror.nbd.export;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;

/** Extents as a context describes them, and as they are written down. */
class StatusExtentsTest {
  private final ByteBuf out = Unpooled.buffer();

  @Test
  void neighboursWithTheSameFlagsAreOne() {
    StatusExtents extents = new StatusExtents(out, false, 0, 100, 10);
    extents.add(10, 1);
    extents.add(20, 1);
    extents.add(70, 0);
    extents.finish();
    assertThat(extents.isFull()).isTrue();
    assertThat(extents.count()).isEqualTo(2);
    assertThat(ints()).containsExactly(30, 1, 70, 0);
  }

  @Test
  void nothingBehindTheRangeIsWrittenDown() {
    StatusExtents extents = new StatusExtents(out, true, 1000, 1L << 40, 10);
    assertThat(extents.positionBytes()).isEqualTo(1000);
    extents.add(Long.MAX_VALUE, -1);
    extents.add(5, 0);
    extents.finish();
    assertThat(out.readLong()).isEqualTo(1L << 40);
    assertThat(out.readLong()).isEqualTo(0xffff_ffffL);
    assertThat(out.isReadable()).isFalse();
  }

  @Test
  void moreThanAreWantedAreLeftOut() {
    StatusExtents extents = new StatusExtents(out, false, 0, 1000, 2);
    for (int i = 0; !extents.isFull(); i++) {
      extents.add(10, i / 2);
    }
    extents.finish();
    assertThat(ints()).containsExactly(20, 0, 20, 1);
    assertThat(extents.remainingBytes()).isEqualTo(960);
  }

  @Test
  void oneExtentGrowsUntilItsFlagsChange() {
    StatusExtents extents = new StatusExtents(out, false, 0, 1000, 1);
    extents.add(10, 7);
    assertThat(extents.isFull()).isFalse();
    extents.add(10, 7);
    extents.add(10, 8);
    assertThat(extents.isFull()).isTrue();
    extents.finish();
    assertThat(ints()).containsExactly(20, 7);
  }

  private int[] ints() {
    int[] ints = new int[out.readableBytes() / 4];
    for (int i = 0; i < ints.length; i++) {
      ints[i] = out.readInt();
    }
    return ints;
  }
}
