package io.nbdmirror.raid.superblock;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Entries as Linux writes them (md.c, {@code super_1_sync}). */
class BadBlockLogTest {
  private static final long END = -1L;

  private static ByteBuffer log(long... entries) {
    ByteBuffer bytes = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    for (long entry : entries) {
      bytes.putLong(entry);
    }
    return bytes.rewind();
  }

  @Test
  void anEntryOfRealMdIsReadAsItsSectorAndLength() {
    byte[] asLinuxWroteIt = {0x08, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00};
    ByteBuffer bytes = ByteBuffer.allocate(4096).put(asLinuxWroteIt).putLong(END).rewind();
    assertThat(BadBlockLog.decode(bytes, 0)).containsExactly(new BadBlockLog.Entry(2048, 8));
  }

  @Test
  void nothingBehindTheEndCounts() {
    assertThat(BadBlockLog.decode(log(10L << 10 | 1, END, 20L << 10 | 1), 0))
        .containsExactly(new BadBlockLog.Entry(10, 1));
  }

  @Test
  void theShiftMultipliesSectorAndLength() {
    assertThat(BadBlockLog.decode(log(10L << 10 | 3, END), 3))
        .containsExactly(new BadBlockLog.Entry(80, 24));
  }

  @Test
  void theHighestSectorIsNotTakenForANegativeOne() {
    long highest = (1L << 54) - 2;
    assertThat(BadBlockLog.decode(log(highest << 10 | 512, END), 0))
        .containsExactly(new BadBlockLog.Entry(highest, 512));
  }

  @Test
  void aLogFullToTheLastByteNeedsNoEnd() {
    ByteBuffer full = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    full.putLong(1L << 10 | 1).putLong(5L << 10 | 2).rewind();
    assertThat(BadBlockLog.decode(full, 0))
        .containsExactly(new BadBlockLog.Entry(1, 1), new BadBlockLog.Entry(5, 2));
  }

  @Test
  void bytesThatAreLeftOverAreNoEntry() {
    assertThat(BadBlockLog.decode(ByteBuffer.allocate(7), 0)).isEmpty();
  }

  @Test
  void whatIsEncodedIsWhatRealMdWrites() {
    ByteBuffer bytes = ByteBuffer.allocate(32);
    BadBlockLog.encode(List.of(new BadBlockLog.Entry(2048, 8)), bytes, 0);
    byte[] asLinuxWroteIt = {0x08, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00};
    assertThat(bytes.array()).startsWith(asLinuxWroteIt);
    assertThat(Arrays.copyOfRange(bytes.array(), 8, 32)).containsOnly(0xff);
  }

  @Test
  void whatIsEncodedIsDecodedAgain() {
    List<BadBlockLog.Entry> entries =
        List.of(new BadBlockLog.Entry(80, 512 << 3), new BadBlockLog.Entry(8000, 8));
    ByteBuffer bytes = ByteBuffer.allocate(4096);
    BadBlockLog.encode(entries, bytes, 3);
    assertThat(BadBlockLog.decode(bytes, 3)).isEqualTo(entries);
  }
}
