package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.assembly.BitmapFile;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A seeded workload during which the bitmap is moved again and again, cut at every write and flush.
 * After each cut the array is started with every bitmap that somebody might give it: whichever it
 * is, members must be the same after the resync and nothing flushed may be lost.
 */
class BitmapChangePowerCutTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final int[] CHUNKS = {16 << 10, 64 << 10, 256 << 10};

  private final List<SimulatedDevice> files = new ArrayList<>();
  private int changes;
  private int cuts;
  private int restarts;
  private int partialResyncs;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void noWriteIsEverUnprotected(long seed) {
    run(seed, true);
    assertThat(cuts).isGreaterThan(300);
    assertThat(changes).isGreaterThan(5);
    assertThat(restarts).isGreaterThan(cuts);
    assertThat(partialResyncs).as("restarts that trusted a bitmap").isGreaterThan(20);
  }

  @ParameterizedTest
  @ValueSource(longs = {11, 12})
  void norIsAfterAKill(long seed) {
    run(seed, false);
    assertThat(changes).isGreaterThan(5);
    assertThat(partialResyncs).as("restarts that trusted a bitmap").isGreaterThan(20);
  }

  private void run(long seed, boolean cacheLost) {
    TestArray array = new TestArray(seed, 2, SIZE, CHUNK);
    Mirror mirror = array.assemble();
    array.scheduler.runUntilIdle();
    WriteHistory history = new WriteHistory(SIZE);
    SplittableRandom random = new SplittableRandom(seed);
    SplittableRandom decisions = random.split();
    for (SimulatedDevice device : array.devices) {
      watch(device, array, history, random, cacheLost);
    }
    new WriteLoad(
            array,
            mirror,
            history,
            seed,
            () -> {
              if (decisions.nextInt(4) == 0 && mirror.bitmapChangeRefusal().isEmpty()) {
                change(array, mirror, history, random, cacheLost);
              }
            })
        .run();
  }

  private void watch(
      SimulatedDevice device,
      TestArray array,
      WriteHistory history,
      SplittableRandom random,
      boolean cacheLost) {
    device.listen((ignored, event) -> {
      if (changesSomething(event)) {
        cut(array, history, random.nextLong(), cacheLost);
      }
    });
  }

  private static boolean changesSomething(DeviceEvent event) {
    return event.operation() != Operation.READ && event.operation() != Operation.EXTENTS;
  }

  private void change(
      TestArray array,
      Mirror mirror,
      WriteHistory history,
      SplittableRandom random,
      boolean cacheLost) {
    int chunk = CHUNKS[random.nextInt(CHUNKS.length)];
    BitmapTarget target =
        switch (random.nextInt(4)) {
          case 0 -> BitmapTarget.NONE;
          case 1 -> BitmapTarget.onMembers(chunk);
          default -> {
            SimulatedDevice file =
                array.newBitmapFile("bitmap" + files.size(), chunk, random.nextLong());
            files.add(file);
            watch(file, array, history, random, cacheLost);
            yield BitmapTarget.inFile(new BitmapFile(file, true), chunk);
          }
        };
    mirror.changeBitmap(
        target,
        failure -> {
          changes++;
          if (failure != null) {
            assertThat(failure).hasMessageContaining("has no write-intent bitmap");
          }
        });
  }

  private void cut(TestArray array, WriteHistory history, long seed, boolean cacheLost) {
    cuts++;
    List<@Nullable SimulatedDevice> candidates = new ArrayList<>(files);
    candidates.add(null);
    MdSuperblock freshest = freshestAfter(array, seed, cacheLost);
    for (SimulatedDevice candidate : candidates.reversed()) {
      // A bitmap file beside an internal bitmap is refused, as a test of assembly says.
      if (candidate == null || !freshest.hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET)) {
        array.useBitmapFile(candidate);
        TestArray next = array.afterCut(seed, cacheLost);
        array.useBitmapFile(null);
        SimulatedDevice file = next.bitmapDevice();
        if (file == null || file.readNow(0, 512)[0] == 'b') {
          restart(next, history, seed, cacheLost);
        }
      }
    }
  }

  private static MdSuperblock freshestAfter(TestArray array, long seed, boolean cacheLost) {
    TestArray next = array.afterCut(seed, cacheLost);
    MdSuperblock one = next.superblock(0);
    MdSuperblock other = next.superblock(1);
    return one.events() >= other.events() ? one : other;
  }

  private void restart(TestArray array, WriteHistory history, long seed, boolean cacheLost) {
    restarts++;
    SimulatedDevice file = array.bitmapDevice();
    String where =
        "cut %d, seed %d, bitmap %s"
            .formatted(cuts, seed, file == null ? "on members or none" : file.path());
    Mirror mirror = array.assemble();
    byte[] during = readAll(array, mirror);
    // Resync makes way for reads, and goes on when there are none.
    array.scheduler.advance(1_000_000_000);
    byte[] after = readAll(array, mirror);
    assertThat(after).as("reads during and after resync, %s", where).isEqualTo(during);
    assertThat(array.dataOf(0)).as("I1: members after resync, %s", where).isEqualTo(after);
    assertThat(array.dataOf(1)).as("I1: members after resync, %s", where).isEqualTo(after);
    long copied = mirror.status().sync().copiedBytes();
    partialResyncs += copied > 0 && copied < SIZE / 2 ? 1 : 0;
    for (int sector = 0; sector < SIZE / WriteHistory.SECTOR; sector++) {
      long number = ByteBuffer.wrap(after).getLong(sector * WriteHistory.SECTOR);
      assertThat(history.problem(sector, number, cacheLost)).as(where).isEmpty();
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
}
