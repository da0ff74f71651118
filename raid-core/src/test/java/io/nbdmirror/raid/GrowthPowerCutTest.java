package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.SuperblockReader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An array that grows in the middle of a seeded workload, cut at every write and flush from a
 * little before that to a little after. Whatever a restart finds, it has the old size or the new
 * one, and every place where members differ is resynced.
 */
class GrowthPowerCutTest {
  private static final int USUAL_SIZE = 1 << 20;
  private static final int MORE = 512 << 10;
  private static final int CHUNK = 64 << 10;
  private static final long MOST_WRITES = 1000;
  private static final int SECTOR = WriteHistory.SECTOR;

  /** What the new area holds before: different on every member, and no number of a write. */
  private static final long GARBAGE = Long.MIN_VALUE;

  private int size;
  private boolean cutting;
  private int cuts;
  private int cutsOfOldSize;
  private int cutsOfNewSize;
  private int putBack;
  private long oldDeviceBytes;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void membersWithTheirMetadataBeforeTheData(long seed) {
    run(new TestArray(seed, 2, USUAL_SIZE, CHUNK), seed, true);
  }

  @ParameterizedTest
  @ValueSource(longs = {11, 12})
  void norDoesAKillLoseAnything(long seed) {
    run(new TestArray(seed, 2, USUAL_SIZE, CHUNK), seed, false);
  }

  @ParameterizedTest
  @ValueSource(longs = {21, 22, 23})
  void aBitmapInAFile(long seed) {
    run(TestArray.withBitmapFile(seed, 2, USUAL_SIZE, CHUNK), seed, true);
  }

  /** Its 6144 bits fill two sectors of the file, so that its chunks are doubled. */
  @ParameterizedTest
  @ValueSource(longs = {31, 32})
  void aBitmapFileThatTakesNoMoreBits(long seed) {
    run(TestArray.withBitmapFile(seed, 2, 3 * USUAL_SIZE, 512), seed, true);
  }

  /** A cut while superblocks move may need devices of the old size: then all is as it was. */
  @ParameterizedTest
  @ValueSource(longs = {41, 42, 43, 44})
  void membersWithTheirMetadataBehindTheData(long seed) {
    run(EndArray.create(seed, USUAL_SIZE, CHUNK), seed, true);
    assertThat(putBack).isPositive();
  }

  private void run(TestArray array, long seed, boolean cacheLost) {
    size = (int) array.sizeBytes;
    WriteHistory history = new WriteHistory(size + MORE);
    oldDeviceBytes = array.devices.getFirst().sizeBytes();
    Mirror mirror = array.assemble();
    array.scheduler.runUntilIdle();
    SplittableRandom random = new SplittableRandom(seed);
    for (SimulatedDevice device : array.allDevices()) {
      device.listen((ignored, event) -> {
        if (cutting
            && event.operation() != Operation.READ
            && event.operation() != Operation.EXTENTS
            && (event.phase() == DeviceEvent.Phase.COMPLETED || random.nextBoolean())) {
          cut(array, history, random.nextLong(), cacheLost);
        }
      });
    }
    int[] requests = {0};
    new WriteLoad(
            array,
            mirror,
            history,
            seed,
            () -> {
              requests[0]++;
              if (requests[0] == 25) {
                grow(array, mirror);
              }
              cutting = requests[0] > 23 && requests[0] < 40;
            })
        .run();
    assertThat(mirror.sizeBytes()).isGreaterThanOrEqualTo(size + MORE);
    assertThat(cutsOfOldSize).as("cuts that find the old size").isGreaterThan(5);
    assertThat(cutsOfNewSize).as("cuts that find the new size").isGreaterThan(20);
  }

  private void grow(TestArray array, Mirror mirror) {
    for (int slot = 0; slot < 2; slot++) {
      SimulatedDevice device = array.devices.get(slot);
      long from = device.sizeBytes();
      device.resize(from + MORE + EndArray.MORE_METADATA);
      ByteBuffer garbage = ByteBuffer.allocate(MORE);
      for (int at = 0; at < MORE; at += SECTOR) {
        garbage.putLong(at, GARBAGE + (long) slot * MORE + at);
      }
      device.writeNow(from, garbage.array());
    }
    mirror.grow(size + MORE, false, failure -> assertThat(failure).isNull());
  }

  private void cut(TestArray array, WriteHistory history, long seed, boolean cacheLost) {
    cuts++;
    TestArray next = array.afterCut(seed, cacheLost);
    if (next.devices.stream().anyMatch(device -> !hasSuperblock(device))) {
      putBack++;
      next = array.afterCut(seed, cacheLost);
      List<SimulatedDevice> shorter = new ArrayList<>();
      for (SimulatedDevice device : next.devices) {
        device.resize(oldDeviceBytes);
        device.close();
        shorter.add(device.reopen(next.scheduler));
      }
      next = new TestArray(next, next.scheduler, shorter);
    }
    restart(next, history, seed, cacheLost);
  }

  private static boolean hasSuperblock(SimulatedDevice device) {
    return isSuperblock(device, 4096)
        || isSuperblock(device, SuperblockReader.superOffset(0, device.sizeBytes()) * SECTOR);
  }

  private static boolean isSuperblock(SimulatedDevice device, long offset) {
    return MdSuperblock.wrap(ByteBuffer.wrap(device.readNow(offset, MdSuperblock.BYTES))).magic()
        == MdSuperblock.MAGIC;
  }

  private void restart(TestArray array, WriteHistory history, long seed, boolean cacheLost) {
    String where = "cut %d, seed %d".formatted(cuts, seed);
    Mirror mirror = array.assemble();
    int found = (int) mirror.sizeBytes();
    assertThat(found).as(where).isIn(size, size + MORE);
    if (found == size) {
      cutsOfOldSize++;
    } else {
      cutsOfNewSize++;
    }
    byte[] during = read(array, mirror, found);
    // Resync makes way for the read before it goes on.
    array.scheduler.advance(5_000_000_000L);
    byte[] after = read(array, mirror, found);
    assertThat(after).as("I4: reads during and after resync, %s", where).isEqualTo(during);
    for (int slot = 0; slot < 2; slot++) {
      long start = mirror.detail().members().get(slot).dataOffsetBytes();
      assertThat(array.devices.get(slot).readNow(start, found))
          .as("I1: member %d after resync, %s", slot, where)
          .isEqualTo(after);
    }
    for (int sector = 0; sector < (size + MORE) / SECTOR; sector++) {
      long held = sector < found / SECTOR ? ByteBuffer.wrap(after).getLong(sector * SECTOR) : 0;
      // Garbage, or what a superblock that has moved left beside its old place.
      boolean neverWritten = (held < 0 || held > MOST_WRITES) && sector >= size / SECTOR;
      assertThat(history.problem(sector, neverWritten ? 0 : held, cacheLost)).as(where).isEmpty();
    }
  }

  private static byte[] read(TestArray array, Mirror mirror, int size) {
    ByteBuf buffer = Unpooled.directBuffer(size, size);
    mirror.read(
        0, buffer, 0, size, failure -> assertThat(failure).as("a read of a whole array").isNull());
    array.scheduler.runUntilIdle();
    byte[] bytes = new byte[size];
    buffer.getBytes(0, bytes);
    buffer.release();
    return bytes;
  }
}
