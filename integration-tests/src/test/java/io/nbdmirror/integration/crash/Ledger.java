package io.nbdmirror.integration.crash;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.stream.IntStream;

/**
 * What was written to each block of 4 KiB and what of that was acknowledged. Every write has a
 * number; a block's bytes follow from its index and that number, so a block read back tells which
 * write it is from, and whether it is whole. Any thread may call.
 */
final class Ledger {
  static final int BLOCK_BYTES = 4096;

  private final AtomicLong lastNumber = new AtomicLong();
  private final AtomicLongArray submitted;
  private final AtomicLongArray acknowledged;
  private final AtomicLongArray flushed;

  Ledger(int blocks) {
    submitted = new AtomicLongArray(blocks);
    acknowledged = new AtomicLongArray(blocks);
    flushed = new AtomicLongArray(blocks);
  }

  int blocks() {
    return submitted.length();
  }

  /** Enters a write that is about to be sent and returns its number. */
  long submit(int firstBlock, int count) {
    long number = lastNumber.incrementAndGet();
    for (int i = 0; i < count; i++) {
      submitted.set(firstBlock + i, number);
    }
    return number;
  }

  void acknowledge(int firstBlock, int count, long number) {
    for (int i = 0; i < count; i++) {
      acknowledged.accumulateAndGet(firstBlock + i, number, Math::max);
    }
  }

  /** What a flush that is sent now covers, by block. */
  long[] beginFlush() {
    return copyOf(acknowledged);
  }

  /** It was acknowledged. */
  void flushed(long[] covered) {
    for (int block = 0; block < covered.length; block++) {
      flushed.accumulateAndGet(block, covered[block], Math::max);
    }
  }

  private static long[] copyOf(AtomicLongArray array) {
    return IntStream.range(0, array.length()).mapToLong(array::get).toArray();
  }

  /** What a power cut at this moment may leave. */
  PowerCut powerCut() {
    return new PowerCut(copyOf(flushed), copyOf(submitted));
  }

  /** By block: the oldest write that must not be lost, and the newest that may be there. */
  static final class PowerCut {
    private final long[] oldest;
    private final long[] newest;

    private PowerCut(long[] oldest, long[] newest) {
      this.oldest = oldest;
      this.newest = newest;
    }

    /** Fails the test when it holds what it must not; torn is only what was on its way. */
    void check(int block, byte[] bytes) {
      long number = ByteBuffer.wrap(bytes).getLong(0);
      assertThat(number)
          .as("number of the write that block %d holds after a power cut", block)
          .isBetween(oldest[block], newest[block]);
      if (oldest[block] == newest[block]) {
        byte[] whole = number == 0 ? new byte[BLOCK_BYTES] : content(block, 1, number);
        assertThat(bytes).as("block %d is write %d in full", block, number).isEqualTo(whole);
      }
    }
  }

  static byte[] content(int firstBlock, int count, long number) {
    ByteBuffer bytes = ByteBuffer.allocate(count * BLOCK_BYTES);
    for (int i = 0; i < count; i++) {
      fill(bytes, firstBlock + i, number);
    }
    return bytes.array();
  }

  private static void fill(ByteBuffer bytes, int block, long number) {
    bytes.putLong(number).putLong(block);
    long state = number * 0x9E3779B97F4A7C15L + block;
    for (int i = 2; i < BLOCK_BYTES / Long.BYTES; i++) {
      state = state * 6364136223846793005L + 1442695040888963407L;
      bytes.putLong(state);
    }
  }

  /**
   * Fails the test unless the block is whole and holds the last write that was acknowledged, or one
   * sent after it. What it holds counts as acknowledged from now on, for it has been read.
   */
  void check(int block, byte[] bytes) {
    ByteBuffer found = ByteBuffer.wrap(bytes);
    long number = found.getLong(0);
    assertThat(number)
        .as("number of the write that block %d holds", block)
        .isBetween(acknowledged.get(block), submitted.get(block));
    if (number == 0) {
      assertThat(bytes).as("block %d, never written", block).containsOnly(0);
    } else if (!Arrays.equals(bytes, content(block, 1, number))) {
      throw new AssertionError("block " + block + " is not write " + number + " in full");
    }
    acknowledged.set(block, number);
  }
}
