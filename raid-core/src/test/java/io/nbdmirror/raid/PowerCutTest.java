package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * One run of a seeded workload, cut at every write and flush that any member is given or completes:
 * each cut is looked at as it lies on the medium, then started again and resynced.
 */
class PowerCutTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final int SECTORS = SIZE / WriteHistory.SECTOR;

  private int cuts;
  private int cutsWithDifferences;
  private long bytesCopied;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void nothingFlushedIsLostAndEveryDifferenceIsUnderADurableBit(long seed) {
    run(seed, true);
    assertThat(cuts).isGreaterThan(300);
    assertThat(cutsWithDifferences).as("cuts that tell anything").isGreaterThan(20);
    assertThat(bytesCopied).isPositive();
  }

  @ParameterizedTest
  @ValueSource(longs = {11, 12, 13})
  void nothingAcknowledgedIsLostByAKill(long seed) {
    run(seed, false);
    assertThat(cuts).isGreaterThan(300);
    assertThat(cutsWithDifferences).as("cuts that tell anything").isGreaterThan(5);
  }

  @ParameterizedTest
  @ValueSource(longs = {21, 22, 23})
  void aBitmapInAFileKeepsAllThatAsWell(long seed) {
    run(TestArray.withBitmapFile(seed, 2, SIZE, CHUNK), seed, true);
    assertThat(cuts).isGreaterThan(300);
    assertThat(cutsWithDifferences).as("cuts that tell anything").isGreaterThan(20);
  }

  @ParameterizedTest
  @ValueSource(longs = {31, 32})
  void aBitmapInAFileOutlivesAKill(long seed) {
    run(TestArray.withBitmapFile(seed, 2, SIZE, CHUNK), seed, false);
    assertThat(cutsWithDifferences).as("cuts that tell anything").isGreaterThan(5);
  }

  private void run(long seed, boolean cacheLost) {
    run(new TestArray(seed, 2, SIZE, CHUNK), seed, cacheLost);
  }

  private void run(TestArray array, long seed, boolean cacheLost) {
    Mirror mirror = array.assemble();
    WriteHistory history = new WriteHistory(SIZE);
    SplittableRandom cutSeeds = new SplittableRandom(seed);
    for (SimulatedDevice device : array.allDevices()) {
      device.listen((ignored, event) -> {
        if (changesSomething(event)) {
          cut(array, history, cutSeeds.nextLong(), cacheLost);
        }
      });
    }
    new WriteLoad(array, mirror, history, seed, () -> {}).run();
  }

  private static boolean changesSomething(DeviceEvent event) {
    return event.operation() != Operation.READ && event.operation() != Operation.EXTENTS;
  }

  private void cut(TestArray array, WriteHistory history, long seed, boolean cacheLost) {
    cuts++;
    TestArray next = array.afterCut(seed, cacheLost);
    checkBits(next, seed);
    checkAfterRestart(next, history, seed, cacheLost);
  }

  /**
   * I1: where members differ, every copy of the bitmap has the bit, and no superblock says clean.
   */
  private void checkBits(TestArray array, long seed) {
    byte[] one = array.dataOf(0);
    byte[] other = array.dataOf(1);
    boolean differs = false;
    for (int sector = 0; sector < SECTORS; sector++) {
      if (numberAt(one, sector) != numberAt(other, sector)) {
        differs = true;
        int chunk = sector * WriteHistory.SECTOR / CHUNK;
        assertThat(array.bit(chunk))
            .as("I1: bit %d at cut %d, seed %d", chunk, cuts, seed)
            .isTrue();
      }
    }
    if (differs) {
      cutsWithDifferences++;
      for (int slot = 0; slot < 2; slot++) {
        assertThat(array.superblock(slot).resyncOffset())
            .as("I8: resync offset of member %d at cut %d, seed %d", slot, cuts, seed)
            .isNotEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
      }
    }
  }

  private void checkAfterRestart(
      TestArray array, WriteHistory history, long seed, boolean cacheLost) {
    int setChunks = 0;
    for (int chunk = 0; chunk < SIZE / CHUNK; chunk++) {
      setChunks += array.anyBit(chunk) ? 1 : 0;
    }
    Mirror mirror = array.assemble();
    byte[] during = readAll(array, mirror);
    // Resync makes way for reads, and goes on when there are none.
    array.scheduler.advance(1_000_000_000);
    byte[] after = readAll(array, mirror);
    assertThat(after).as("reads during and after resync, seed %d", seed).isEqualTo(during);
    assertThat(array.dataOf(0)).as("members after resync, seed %d", seed).isEqualTo(after);
    assertThat(array.dataOf(1)).as("members after resync, seed %d", seed).isEqualTo(after);
    long copied = mirror.status().sync().copiedBytes();
    bytesCopied += copied;
    assertThat(copied).isLessThanOrEqualTo((long) setChunks * CHUNK);
    for (int sector = 0; sector < SECTORS; sector++) {
      assertThat(history.problem(sector, numberAt(after, sector), cacheLost))
          .as("cut %d, seed %d", cuts, seed)
          .isEmpty();
    }
  }

  private static byte[] readAll(TestArray array, Mirror mirror) {
    ByteBuf buffer = Unpooled.directBuffer(SIZE, SIZE);
    mirror.read(
        0, buffer, 0, SIZE, failure -> assertThat(failure).as("a read of a whole array").isNull());
    array.scheduler.runUntilIdle();
    byte[] bytes = new byte[SIZE];
    buffer.getBytes(0, bytes);
    buffer.release();
    return bytes;
  }

  private static long numberAt(byte[] data, int sector) {
    return ByteBuffer.wrap(data).getLong(sector * WriteHistory.SECTOR);
  }
}
