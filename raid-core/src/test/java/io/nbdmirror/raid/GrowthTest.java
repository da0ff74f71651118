package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A running array that is given another size. */
class GrowthTest {
  private static final int SIZE = 4 << 20;
  private static final int MORE = 2 << 20;
  private static final int CHUNK = 256 << 10;
  private static final long SECOND = 1_000_000_000L;

  private final TestArray array = new TestArray(9, 2, SIZE, CHUNK);
  private final Mirror mirror = array.assemble();
  private final ArrayClient client = new ArrayClient(array, mirror);

  @Test
  void itTakesWhatAllMembersHaveAndKeepsItsChunks() {
    client.write(0, 4096, 1);
    resize(0, MORE);
    resize(1, 2 * MORE);
    assertThat(grow(0)).isNull();
    assertThat(mirror.sizeBytes()).isEqualTo(SIZE + MORE);
    assertThat(mirror.status().sizeBytes()).isEqualTo(SIZE + MORE);
    assertThat(mirror.status().bitmap().chunkBytes()).isEqualTo(CHUNK);
    assertThat(client.write(SIZE + MORE - 4096, 4096, 2)).isNull();
    assertThat(client.read(SIZE + MORE - 4096, 4096)).containsOnly(2);
    assertThat(client.read(0, 4096)).containsOnly(1);
    for (int slot = 0; slot < 2; slot++) {
      MdSuperblock superblock = array.superblock(slot);
      assertThat(superblock.size()).isEqualTo((SIZE + MORE) / 512);
      assertThat(superblock.dataSize()).isEqualTo((SIZE + (slot + 1) * MORE) / 512);
    }
    assertThat(client.stop()).isNull();
    Mirror again = array.afterCut(1, true).assemble();
    assertThat(again.sizeBytes()).isEqualTo(SIZE + MORE);
  }

  @Test
  void theNewAreaIsResyncedFromTheSourceAloneAndHolesAreSkipped() {
    resize(0, MORE);
    resize(1, MORE);
    byte[] garbage = new byte[CHUNK];
    Arrays.fill(garbage, (byte) 'P');
    array.devices.getFirst().writeNow(TestArray.DATA_OFFSET_BYTES + SIZE + CHUNK, garbage);
    Arrays.fill(garbage, (byte) 'Q');
    array.devices.get(1).writeNow(TestArray.DATA_OFFSET_BYTES + SIZE + CHUNK, garbage);
    SimulatedFault slow =
        SimulatedFault.slow(SECOND)
            .on(Operation.WRITE)
            .within(TestArray.DATA_OFFSET_BYTES + SIZE, MORE);
    array.devices.get(1).inject(slow);
    AtomicReference<@Nullable DeviceException> answer = submitGrow(0);
    array.scheduler.runUntil(() -> mirror.sizeBytes() > SIZE);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.ACTIVE);
    for (int i = 0; i < 8; i++) {
      client
          .readAtOnce(4, SIZE + CHUNK + i * 4096L, 4096)
          .forEach(bytes -> assertThat(bytes).as("I4").containsOnly('P'));
    }
    array.devices.get(1).heal(slow);
    client.settle();
    array.scheduler.advance(5 * SECOND);
    assertThat(answer.get()).isNull();
    assertThat(mirror.counters().resyncCopiedBytes()).isEqualTo(CHUNK);
    assertThat(dataOf(1)).isEqualTo(dataOf(0));
    array.scheduler.advance(30 * SECOND);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
    assertThat(mirror.status().bitmap().dirtyChunks()).isZero();
  }

  @Test
  void writesInFlightFinishAndThoseHeldGoOn() {
    resize(0, MORE);
    resize(1, MORE);
    array.devices.get(1).inject(SimulatedFault.slow(SECOND / 10).on(Operation.WRITE));
    AtomicReference<@Nullable DeviceException> before = client.submit(0, 4096, 1);
    AtomicReference<@Nullable DeviceException> growth = submitGrow(0);
    AtomicReference<@Nullable DeviceException> after = client.submit(8192, 4096, 2);
    array.scheduler.advance(60 * SECOND);
    assertThat(before.get()).isNull();
    assertThat(growth.get()).isNull();
    assertThat(after.get()).isNull();
    assertThat(dataOf(1)).isEqualTo(dataOf(0));
  }

  @Test
  void aBitmapFileKeepsItsLengthAndItsChunksAreDoubled() {
    TestArray full = TestArray.withBitmapFile(3, 2, 8 << 20, 4096);
    Mirror running = full.assemble();
    ArrayClient user = new ArrayClient(full, running);
    user.write(5 << 20, 4096, 1);
    for (SimulatedDevice device : full.devices) {
      device.resize(device.sizeBytes() + MORE);
    }
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    running.grow(0, false, answer::set);
    user.settle();
    assertThat(answer.get()).isNull();
    assertThat(running.status().bitmap().chunkBytes()).isEqualTo(8192);
    assertThat(running.status().bitmap().kind()).isEqualTo(ArrayStatus.BitmapKind.RAW);
    assertThat(user.write(9 << 20, 4096, 2)).isNull();
    TestArray later = full.afterCut(1, true);
    Mirror again = later.assemble();
    assertThat(again.sizeBytes()).isEqualTo((8 << 20) + MORE);
    assertThat(again.status().bitmap().chunkBytes()).isEqualTo(8192);
  }

  /** Or a torn write of it could leave bits of the new chunks under a superblock of the old. */
  @Test
  void aFileIsDurablyStaleWhileItIsRewritten() {
    TestArray full = TestArray.withBitmapFile(3, 2, 8 << 20, 4096);
    Mirror running = full.assemble();
    full.scheduler.runUntilIdle();
    full.devices.forEach(device -> device.resize(device.sizeBytes() + MORE));
    SimulatedDevice file = full.bitmapDevice();
    assertThat(file).isNotNull();
    List<String> states = new ArrayList<>();
    file.listen((device, event) -> {
      if (event.is(DeviceEvent.Phase.COMPLETED, Operation.WRITE)) {
        BitmapSuperblock superblock =
            BitmapSuperblock.wrap(ByteBuffer.wrap(device.readDurable(0, 512)));
        String state = "%d %d".formatted(superblock.chunksize(), superblock.state());
        if (states.isEmpty() || !states.getLast().equals(state)) {
          states.add(state);
        }
      }
    });
    running.grow(0, false, failure -> assertThat(failure).isNull());
    full.scheduler.runUntil(() -> running.sizeBytes() > 8 << 20);
    assertThat(states).containsExactly("4096 2", "8192 2", "8192 0");
  }

  @Test
  void aFileThatCannotBeRewrittenIsTheOldOneAgain() {
    TestArray full = TestArray.withBitmapFile(3, 2, 8 << 20, 4096);
    Mirror running = full.assemble();
    ArrayClient user = new ArrayClient(full, running);
    SimulatedDevice file = full.bitmapDevice();
    assertThat(file).isNotNull();
    user.write(5 << 20, 4096, 1);
    for (SimulatedDevice device : full.devices) {
      device.resize(device.sizeBytes() + MORE);
    }
    SimulatedFault second = SimulatedFault.failing(Errno.EIO).on(Operation.WRITE);
    int[] writes = {0};
    file.listen((device, event) -> {
      if (event.is(DeviceEvent.Phase.COMPLETED, Operation.WRITE) && ++writes[0] <= 2) {
        if (writes[0] == 1) {
          file.inject(second);
        } else {
          file.heal(second);
        }
      }
    });
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    running.grow(0, false, answer::set);
    user.settle();
    assertThat(answer.get()).isNotNull();
    assertThat(answer.get()).hasMessageContaining("simulated error");
    assertThat(running.sizeBytes()).isEqualTo(8 << 20);
    assertThat(running.status().bitmap().kind()).isEqualTo(ArrayStatus.BitmapKind.RAW);
    assertThat(full.bit(5 << 8)).isTrue();
    TestArray later = full.afterCut(1, true);
    later.assemble();
    assertThat(later.bit(7)).as("the bitmap is trusted: a bit nobody set").isFalse();
  }

  @Test
  void superblocksAtTheEndMoveAndNothingIsLeftOfTheOldOnes() {
    TestArray end = EndArray.create(5, SIZE, CHUNK);
    Mirror running = end.assemble();
    ArrayClient user = new ArrayClient(end, running);
    user.write(0, 4096, 1);
    long before = end.devices.getFirst().sizeBytes();
    end.devices.forEach(device -> device.resize(before + MORE));
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    running.grow(0, false, answer::set);
    user.settle();
    assertThat(answer.get()).isNull();
    assertThat(running.sizeBytes()).isEqualTo(SIZE + MORE + EndArray.MORE_METADATA - (16 << 10));
    assertThat(running.detail().metadataVersion()).isEqualTo("1.0");
    assertThat(user.write(running.sizeBytes() - 4096, 4096, 2)).isNull();
    for (SimulatedDevice device : end.devices) {
      byte[] old = device.readNow((before / 512 - 16 & ~7L) * 512, 4096);
      assertThat(old).containsOnly(0);
    }
    Mirror again = end.afterCut(1, true).assemble();
    assertThat(again.sizeBytes()).isEqualTo(running.sizeBytes());
  }

  @Test
  void aDegradedArrayGrowsAndTheAbsentMemberLacksTheNewArea() {
    array.devices.get(1).disappear();
    client.write(0, 4096, 1);
    resize(0, MORE);
    assertThat(grow(0)).isNull();
    assertThat(mirror.counters().resyncCopiedBytes()).isZero();
    for (int chunk = SIZE / CHUNK; chunk < (SIZE + MORE) / CHUNK; chunk++) {
      assertThat(mirror.bitmap().counters().isNeeded(chunk)).as("chunk %d", chunk).isTrue();
    }
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    assertThat(mirror.status().members().get(1).role()).isEqualTo(ArrayStatus.Role.FAULTY);
    mirror.membership().remove("member1", answer::set);
    client.settle();
    assertThat(answer.get()).isNull();
    SimulatedDevice small =
        new SimulatedDevice(
            SimulatedDisk.of("small", TestArray.DATA_OFFSET_BYTES + SIZE), array.scheduler, 1);
    mirror.membership().add(small, answer::set);
    client.settle();
    assertThat(answer.get()).isNotNull();
    assertThat(answer.get()).hasMessageContaining("a member of this array needs");
  }

  @Test
  void whatCannotBeDoneIsRefusedWithTheReason() {
    refused(0, "as large as its members allow");
    refused(SIZE, "has %d bytes already".formatted(SIZE));
    refused(SIZE + MORE, "has room for %d bytes of data: make it larger first".formatted(SIZE));
    refused(SIZE - 4096, "give --force to shrink it");
    refused(SIZE + 1, "no multiple of 1024");
    assertThat(mirror.sizeBytes()).isEqualTo(SIZE);
    assertThat(client.write(0, 4096, 1)).isNull();
  }

  @Test
  void itIsRefusedInTheMiddleOfAResync() {
    resize(0, 2 * MORE);
    resize(1, 2 * MORE);
    byte[] garbage = new byte[CHUNK];
    Arrays.fill(garbage, (byte) 'P');
    array.devices.getFirst().writeNow(TestArray.DATA_OFFSET_BYTES + SIZE, garbage);
    array
        .devices
        .get(1)
        .inject(
            SimulatedFault.slow(SECOND)
                .on(Operation.WRITE)
                .within(TestArray.DATA_OFFSET_BYTES + SIZE, MORE));
    submitGrow(SIZE + MORE);
    array.scheduler.runUntil(() -> mirror.sizeBytes() > SIZE);
    array.scheduler.advance(SECOND / 10);
    assertThat(mirror.status().sync().action()).isEqualTo(ArrayStatus.SyncAction.RESYNC);
    assertThat(submitGrow(0).get())
        .isNotNull()
        .hasMessageContaining("in the middle of a resync: grow it when that is done");
  }

  @Test
  void shrinkingTakesForce() {
    client.write(0, 4096, 1);
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.grow(SIZE / 2, true, answer::set);
    client.settle();
    assertThat(answer.get()).isNull();
    assertThat(mirror.sizeBytes()).isEqualTo(SIZE / 2);
    assertThat(client.read(0, 4096)).containsOnly(1);
    assertThat(client.stop()).isNull();
    Mirror again = array.afterCut(1, true).assemble();
    assertThat(again.sizeBytes()).isEqualTo(SIZE / 2);
    assertThat(again.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
  }

  @Test
  void anArrayInUseIsNotShrunk() {
    array.devices.get(1).inject(SimulatedFault.slow(SECOND / 10).on(Operation.WRITE));
    client.submit(0, 4096, 1);
    array.scheduler.advance(SECOND / 20);
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.grow(SIZE / 2, true, answer::set);
    AtomicReference<@Nullable DeviceException> write = client.submit(SIZE - 4096, 4096, 1);
    client.settle();
    assertThat(answer.get()).isNotNull();
    assertThat(answer.get()).hasMessageContaining("in use: it cannot be shrunk");
    assertThat(write.get()).isNull();
  }

  @Test
  void aMemberOneEventBehindFollows() {
    resize(0, MORE);
    resize(1, MORE);
    MdSuperblock old = array.superblock(1).copy();
    assertThat(grow(0)).isNull();
    client.settle();
    assertThat(client.stop()).isNull();
    TestArray later = array.afterCut(1, true);
    old.setEvents(later.superblock(0).events() - 1);
    later.putSuperblock(later.devices.get(1), old);
    Mirror again = later.assemble();
    assertThat(again.sizeBytes()).isEqualTo(SIZE + MORE);
    assertThat(again.status().members().get(1).role()).isEqualTo(ArrayStatus.Role.IN_SYNC);
    new ArrayClient(later, again).write(SIZE, 4096, 3);
    assertThat(later.superblock(1).size()).isEqualTo((SIZE + MORE) / 512);
    assertThat(later.superblock(1).dataSize()).isEqualTo((SIZE + MORE) / 512);
  }

  private void resize(int slot, long more) {
    SimulatedDevice device = array.devices.get(slot);
    device.resize(TestArray.DATA_OFFSET_BYTES + SIZE + more);
  }

  private AtomicReference<@Nullable DeviceException> submitGrow(long size) {
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.grow(size, false, answer::set);
    return answer;
  }

  private @Nullable DeviceException grow(long size) {
    AtomicReference<@Nullable DeviceException> answer = submitGrow(size);
    client.settle();
    return answer.get();
  }

  private void refused(long size, String reason) {
    DeviceException failure = grow(size);
    assertThat(failure).isNotNull();
    assertThat(failure).hasMessageContaining(reason);
  }

  private byte[] dataOf(int slot) {
    return array.devices.get(slot).readNow(TestArray.DATA_OFFSET_BYTES, (int) mirror.sizeBytes());
  }
}
