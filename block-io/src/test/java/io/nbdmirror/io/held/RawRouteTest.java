package io.nbdmirror.io.held;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.io.engine.FileRequests;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.lang.management.ManagementFactory;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Pages of a file of 1 KiB blocks, every one of them somewhere else on the device. */
class RawRouteTest {
  private static final int BLOCK = 1024;
  private static final int PAGE = 4096;
  private static final int SIZE = 5 * PAGE + 1300;
  private static final int UNIT = 512;
  private static final int RUNS = 5;
  private static final int ROUNDS = 200;

  private final Memory device = new Memory();
  private final RawRoute route = new RawRoute("/bitmap", backwards(), device, SIZE, UNIT);
  private final ByteBuf page = Unpooled.directBuffer(PAGE).writeZero(PAGE);
  private int completed;
  private final Completion done = failure -> completed += failure == null ? 1 : 0;

  private static BlockMap backwards() {
    List<BlockMap.Run> runs = new ArrayList<>();
    int blocks = (SIZE + BLOCK - 1) / BLOCK;
    for (int i = 0; i < blocks; i++) {
      runs.add(new BlockMap.Run((long) i * BLOCK, (long) (blocks - i) * 2 * BLOCK, BLOCK));
    }
    return new BlockMap(runs);
  }

  @Test
  void everyBlockGoesToItsPlaceAndTheTailIsPaddedWithinItsUnit() {
    device.bytes.setZero(0, device.bytes.capacity());
    device.bytes.setByte((int) placeOf(SIZE - SIZE % BLOCK) + UNIT, 0x55);
    for (int at = 0; at < SIZE; at += PAGE) {
      for (int i = 0; i < PAGE; i++) {
        page.setByte(i, (at + i) % 251 + 1);
      }
      route.write(at, page, 0, Math.min(PAGE, SIZE - at), done);
      device.completeAll();
    }
    assertThat(completed).isEqualTo(6);
    for (int at = 0; at < SIZE; at++) {
      assertThat(device.bytes.getByte((int) placeOf(at))).isEqualTo((byte) (at % 251 + 1));
    }
    assertThat(device.bytes.getByte((int) placeOf(SIZE - 1) + 1)).as("after the end").isZero();
    assertThat(device.bytes.getByte((int) placeOf(SIZE - SIZE % BLOCK) + UNIT))
        .as("the next unit of the file's last block")
        .isEqualTo((byte) 0x55);
    assertThat(device.durable).as("pieces that were not durable").isTrue();
  }

  private static long placeOf(int offset) {
    return backwards().deviceOffsetBytes(offset);
  }

  /** I9: not even before the compiler has come by; the first run still links what it calls. */
  @Test
  void writesOfPagesInPiecesAllocateNothing() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long least = Long.MAX_VALUE;
    for (int run = 0; run < RUNS; run++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      writePages();
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
    }
    assertThat(least).isZero();
    assertThat(completed).isEqualTo(RUNS * 2 * ROUNDS);
  }

  /** Two at once, one of them the file's last page. */
  private void writePages() {
    for (int round = 0; round < ROUNDS; round++) {
      route.write((long) (round % 5) * PAGE, page, 0, PAGE, done);
      route.write(5L * PAGE, page, 0, SIZE - 5 * PAGE, done);
      device.completeAll();
    }
  }

  /** A device that completes when it is told to. */
  private static final class Memory implements FileRequests {
    private final ByteBuf bytes = Unpooled.directBuffer(1 << 16).writerIndex(1 << 16);
    private final ArrayDeque<Completion> waiting = new ArrayDeque<>(64);
    private boolean durable = true;

    void completeAll() {
      for (Completion next = waiting.poll(); next != null; next = waiting.poll()) {
        next.completed(null);
      }
    }

    @Override
    public void write(
        long offsetBytes,
        ByteBuf source,
        int sourceIndex,
        int lengthBytes,
        boolean fua,
        Completion done) {
      for (int i = 0; i < lengthBytes; i += Long.BYTES) {
        bytes.setLong((int) offsetBytes + i, source.getLong(sourceIndex + i));
      }
      durable &= fua;
      waiting.add(done);
    }

    @Override
    public void read(
        long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void flush(Completion done) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void zero(
        long offsetBytes, long lengthBytes, boolean mayPunch, boolean fua, Completion done) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void extents(
        long offsetBytes, long lengthBytes, int maxExtents, ExtentsCompletion done) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void readAhead(long offsetBytes, long lengthBytes, Completion done) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
  }
}
