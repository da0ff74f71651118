package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** When the superblocks of an array that is not written to say clean (I8). */
class CleanMarkingTest {
  private static final int SIZE = 4 << 20;
  private static final int CHUNK = 256 << 10;
  private static final long MILLI = 1_000_000L;
  private static final long SECOND = 1000 * MILLI;

  private final TestArray array = new TestArray(7, 2, SIZE, CHUNK);
  private final Mirror mirror = array.assemble();
  private final ArrayClient client = new ArrayClient(array, mirror);

  @Test
  void cleanComesSoonAfterTheLastWriteAndTheBitIsClearedLater() {
    write();
    array.scheduler.advance(190 * MILLI);
    assertThat(isClean()).as("190 ms after the last write").isFalse();
    array.scheduler.advance(100 * MILLI);
    assertThat(isClean()).as("290 ms after the last write").isTrue();
    assertThat(array.bit(0)).isTrue();
    array.scheduler.advance(20 * SECOND);
    assertThat(isClean()).isTrue();
    assertThat(array.bit(0)).isFalse();
  }

  @Test
  void itDoesNotComeWhileWritesGoOn() {
    write();
    long updates = mirror.counters().superblockUpdates();
    for (int i = 0; i < 60; i++) {
      array.scheduler.advance(150 * MILLI);
      write();
      assertThat(isClean()).isFalse();
    }
    assertThat(mirror.counters().superblockUpdates()).isEqualTo(updates);
  }

  /** md pays as much: a flush before each of the two superblock writes. */
  @Test
  void aTrickleOfWritesCostsAFlushAndTwoUpdatesEach() {
    // Bits are set and stay: only what marks clean flushes.
    mirror.bitmap().superblock().setDaemonSleep(3600);
    write();
    array.scheduler.advance(SECOND);
    long updates = mirror.counters().superblockUpdates();
    int[] flushes = {0};
    array
        .devices
        .getFirst()
        .listen((device, event) -> {
          if (event.is(DeviceEvent.Phase.SUBMITTED, Operation.FLUSH)) {
            flushes[0]++;
          }
        });
    for (int i = 0; i < 4; i++) {
      write();
      array.scheduler.advance(SECOND);
    }
    assertThat(flushes[0]).isEqualTo(4);
    assertThat(mirror.counters().superblockUpdates()).isEqualTo(updates + 8);
  }

  @Test
  void manyFirstWritesAtOnceMarkActiveOnce() {
    long updates = mirror.counters().superblockUpdates();
    for (int i = 0; i < 20; i++) {
      client.submit(i * 4096L, 4096, 1);
      array.scheduler.advance(20_000);
    }
    array.scheduler.advance(100 * MILLI);
    assertThat(mirror.counters().superblockUpdates()).isEqualTo(updates + 1);
  }

  @Test
  void everyMemberIsFlushedBeforeAnySuperblockSaysClean() {
    List<String> events = new ArrayList<>();
    write();
    for (SimulatedDevice device : array.devices) {
      device.listen((ignored, event) -> {
        if (event.is(DeviceEvent.Phase.COMPLETED, Operation.FLUSH)) {
          events.add("flushed");
        } else if (event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE)
            && event.offsetBytes() == 4096) {
          events.add("superblock");
        }
      });
    }
    array.scheduler.advance(SECOND);
    assertThat(events).containsExactly("flushed", "flushed", "superblock", "superblock");
    assertThat(isClean()).isTrue();
  }

  /** The flush does not cover it, however long the flush takes and the array is quiet again. */
  @Test
  void whatIsWrittenDuringALongFlushIsFlushedBeforeASuperblockSaysClean() {
    write();
    SimulatedDevice device = array.devices.getFirst();
    device.inject(SimulatedFault.slow(600 * MILLI).on(Operation.FLUSH).once());
    List<Boolean> unflushed = new ArrayList<>();
    device.listen((ignored, event) -> {
      if (event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE) && event.offsetBytes() == 4096) {
        unflushed.add(device.hasUnflushedWrites(TestArray.DATA_OFFSET_BYTES, SIZE));
      }
    });
    array.scheduler.advance(300 * MILLI);
    write();
    array.scheduler.advance(3 * SECOND);
    assertThat(isClean()).isTrue();
    assertThat(unflushed).as("I8").containsExactly(false);
  }

  /** The bitmap cannot be written, nor the superblock that says so; but the next one can. */
  @Test
  void aBrokenArrayIsNotMarkedClean() {
    TestArray alone = new TestArray(7, 1, SIZE, CHUNK);
    Mirror single = alone.assemble();
    new ArrayClient(alone, single).submit(0, 4096, 1);
    alone.scheduler.advance(10 * MILLI);
    failWriteOnce(alone.devices.getFirst(), TestArray.BITMAP_OFFSET_BYTES);
    failWriteOnce(alone.devices.getFirst(), 4096);
    alone.scheduler.advance(SECOND);
    assertThat(single.status().state()).isEqualTo(ArrayStatus.State.BROKEN);
    assertThat(alone.superblock(0).resyncOffset())
        .as("I7")
        .isNotEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
  }

  private static void failWriteOnce(SimulatedDevice device, long offset) {
    device.inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE).within(offset, 512).once());
  }

  @Test
  void aWriteDuringTheFlushKeepsTheArrayActive() {
    write();
    slow(Operation.FLUSH);
    long updates = mirror.counters().superblockUpdates();
    array.scheduler.advance(300 * MILLI);
    write();
    array.scheduler.advance(200 * MILLI);
    assertThat(mirror.counters().superblockUpdates()).isEqualTo(updates);
    assertThat(isClean()).isFalse();
  }

  @Test
  void aWriteWhileCleanIsBeingWrittenWaitsAndMarksActiveAgain() {
    write();
    SimulatedFault fault = slow(Operation.WRITE);
    array.scheduler.advance(300 * MILLI);
    List<Boolean> cleanWhenWritten = new ArrayList<>();
    array
        .devices
        .getFirst()
        .listen((device, event) -> {
          if (event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE)
              && event.offsetBytes() >= TestArray.DATA_OFFSET_BYTES) {
            cleanWhenWritten.add(isClean());
          }
        });
    AtomicReference<@Nullable DeviceException> answer = client.submit(0, 4096, 2);
    array.scheduler.advance(100 * MILLI);
    assertThat(cleanWhenWritten).as("the write waits").isEmpty();
    array.devices.forEach(device -> device.heal(fault));
    array.scheduler.runUntilIdle();
    assertThat(answer.get()).isNull();
    assertThat(cleanWhenWritten).as("I8").containsExactly(false);
  }

  @Test
  void aCompleteArrayWithAChunkToBeCopiedIsNotMarkedClean() {
    write();
    mirror.bitmap().counters().markNeeded(0);
    array.scheduler.advance(60 * SECOND);
    assertThat(isClean()).as("I8").isFalse();
    assertThat(client.stop()).isNull();
    assertThat(isClean()).as("I8, at a stop").isFalse();
  }

  @Test
  void aDegradedArrayIsMarkedCleanWithItsBitsKept() {
    array.devices.get(1).disappear();
    write();
    array.scheduler.advance(60 * SECOND);
    assertThat(array.superblock(0).resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
    assertThat(TestArray.bit(array.devices.getFirst(), 0)).isTrue();
  }

  @Test
  void aCrashOfACleanArrayMeansNoResync() {
    write();
    array.scheduler.advance(SECOND);
    TestArray later = array.afterCut(1, true);
    Mirror again = later.assemble();
    later.scheduler.runUntilIdle();
    assertThat(later.bit(0)).isTrue();
    assertThat(again.counters().resyncCopiedBytes()).isZero();
    assertThat(later.dataOf(1)).isEqualTo(later.dataOf(0));
  }

  @Test
  void anArrayOfOneMemberIsCleanAgainAfterACrash() {
    TestArray single = new TestArray(8, 1, SIZE, CHUNK);
    Mirror alone = single.assemble();
    new ArrayClient(single, alone).submit(0, 4096, 1);
    single.scheduler.runUntilIdle();
    TestArray later = single.afterCut(1, true);
    assertThat(later.superblock(0).resyncOffset()).isZero();
    later.assemble();
    later.scheduler.advance(SECOND);
    assertThat(later.superblock(0).resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
    later.scheduler.advance(20 * SECOND);
    assertThat(later.bit(0)).isFalse();
  }

  @Test
  void theDelayCanBeSetAlsoWhileItRuns() {
    write();
    mirror.setCleanDelayNanos(5 * SECOND);
    array.scheduler.advance(4 * SECOND);
    assertThat(isClean()).isFalse();
    array.scheduler.advance(3 * SECOND);
    assertThat(isClean()).isTrue();
  }

  @Test
  void aDelayOfZeroMeansNotBeforeAStop() {
    mirror.setCleanDelayNanos(0);
    write();
    array.scheduler.advance(600 * SECOND);
    assertThat(isClean()).isFalse();
    assertThat(client.stop()).isNull();
    assertThat(isClean()).isTrue();
  }

  private void write() {
    AtomicReference<@Nullable DeviceException> answer = client.submit(0, 4096, 1);
    array.scheduler.runUntil(() -> answer.get() == null);
  }

  private boolean isClean() {
    return array.superblock(0).resyncOffset() == MdSuperblock.RESYNC_OFFSET_CLEAN
        || array.superblock(1).resyncOffset() == MdSuperblock.RESYNC_OFFSET_CLEAN;
  }

  private SimulatedFault slow(Operation operation) {
    SimulatedFault fault = SimulatedFault.slow(SECOND).on(operation);
    array.devices.forEach(device -> device.inject(fault));
    return fault;
  }
}
