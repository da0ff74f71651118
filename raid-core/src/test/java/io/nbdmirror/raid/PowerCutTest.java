package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
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
  private static final long SECOND = 1_000_000_000L;

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

  private void run(long seed, boolean cacheLost) {
    TestArray array = new TestArray(seed, 2, SIZE, CHUNK);
    Mirror mirror = array.assemble();
    WriteHistory history = new WriteHistory(SIZE);
    SplittableRandom cutSeeds = new SplittableRandom(seed);
    for (SimulatedDevice device : array.devices) {
      device.listen((ignored, event) -> {
        if (changesSomething(event)) {
          cut(array, history, cutSeeds.nextLong(), cacheLost);
        }
      });
    }
    new Load(array, mirror, history, seed).run();
  }

  private static boolean changesSomething(DeviceEvent event) {
    return event.operation() != Operation.READ && event.operation() != Operation.EXTENTS;
  }

  private void cut(TestArray array, WriteHistory history, long seed, boolean cacheLost) {
    cuts++;
    SimulatedScheduler scheduler = new SimulatedScheduler(seed);
    List<SimulatedDevice> disks = new ArrayList<>();
    for (SimulatedDevice device : array.devices) {
      disks.add(
          cacheLost
              ? device.forkAfterPowerCut(seed + disks.size(), scheduler)
              : device.forkAfterProcessKill(seed + disks.size(), scheduler));
    }
    TestArray next = new TestArray(array, scheduler, disks);
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
        for (SimulatedDevice device : array.devices) {
          assertThat(TestArray.bit(device, chunk))
              .as("I1: bit %d on %s at cut %d, seed %d", chunk, device.path(), cuts, seed)
              .isTrue();
        }
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
      setChunks += TestArray.bit(array.devices.getFirst(), chunk) ? 1 : 0;
    }
    Mirror mirror = array.assemble();
    byte[] during = readAll(array, mirror);
    array.scheduler.runUntilIdle();
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

  /** Several clients' worth of requests, some at once, with pauses long enough to clear bits. */
  private static final class Load {
    private static final int REQUESTS = 60;

    private final TestArray array;
    private final Mirror mirror;
    private final WriteHistory history;
    private final SplittableRandom random;
    private int unanswered;

    Load(TestArray array, Mirror mirror, WriteHistory history, long seed) {
      this.array = array;
      this.mirror = mirror;
      this.history = history;
      random = new SplittableRandom(seed);
    }

    void run() {
      for (int i = 0; i < REQUESTS; i++) {
        switch (random.nextInt(10)) {
          case 0 -> flush();
          case 1 -> zero();
          case 2 -> array.scheduler.advance(random.nextLong(12) * SECOND);
          default -> write();
        }
        if (random.nextInt(3) == 0) {
          array.scheduler.advance(random.nextLong(2_000_000));
        }
      }
      array.scheduler.advance(20 * SECOND);
      assertThat(unanswered).as("requests without an answer").isZero();
    }

    private void write() {
      int count = 1 + random.nextInt(24);
      int first = random.nextInt(SECTORS - count);
      boolean fua = random.nextInt(6) == 0;
      WriteHistory.Write write = history.begin(first, count, false);
      ByteBuf data = Unpooled.directBuffer(count * WriteHistory.SECTOR);
      for (int i = 0; i < count * WriteHistory.SECTOR / 8; i++) {
        data.writeLong(write.number);
      }
      unanswered++;
      mirror.write(
          (long) first * WriteHistory.SECTOR,
          data,
          0,
          data.readableBytes(),
          fua,
          failure -> {
            assertThat(failure).isNull();
            unanswered--;
            write.acknowledged(fua);
            data.release();
          });
    }

    private void zero() {
      int count = 1 + random.nextInt(200);
      int first = random.nextInt(SECTORS - count);
      boolean fua = random.nextBoolean();
      WriteHistory.Write write = history.begin(first, count, true);
      unanswered++;
      mirror.writeZeroes(
          (long) first * WriteHistory.SECTOR,
          (long) count * WriteHistory.SECTOR,
          random.nextBoolean(),
          fua,
          failure -> {
            assertThat(failure).isNull();
            unanswered--;
            write.acknowledged(fua);
          });
    }

    private void flush() {
      int[] covered = history.acknowledgedNow();
      unanswered++;
      mirror.flush(failure -> {
        assertThat(failure).isNull();
        unanswered--;
        history.durable(covered);
      });
    }
  }
}
