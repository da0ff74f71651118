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
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What becomes of the array when a member, its superblock or its bitmap copy fails (I3 to I7). */
class MemberFailureTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final long DATA = TestArray.DATA_OFFSET_BYTES;
  private static final long SECOND = 1_000_000_000L;

  private TestArray array = new TestArray(1, 2, SIZE, CHUNK);
  private Mirror mirror = array.assemble();
  private ArrayClient client = new ArrayClient(array, mirror);

  @BeforeEach
  void makeActive() {
    // Active to the end: what is tested is the failure, not what a clean array does first.
    mirror.setCleanDelayNanos(0);
    assertThat(write(0, 4096, 1)).isNull();
  }

  @Test
  void aFailedWriteLeavesTheArrayDegradedAndTheClientServed() {
    failing(1, Operation.WRITE, DATA);
    assertThat(write(0, 4096, 2)).isNull();
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.DEGRADED);
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(mirror.status().members().get(1).writeErrors()).isEqualTo(1);
    assertThat(write(0, 4096, 3)).isNull();
    assertThat(read(0, 4096)).containsOnly(3);
  }

  @Test
  void aFailureIsOnEverySurvivorsMediumBeforeTheWriteIsAnswered() {
    long before = array.superblock(0).events();
    failing(1, Operation.WRITE, DATA);
    AtomicReference<@Nullable MdSuperblock> atReply = new AtomicReference<>();
    ByteBuf data = ArrayClient.filled(4096, 2);
    mirror.write(
        0,
        data,
        0,
        4096,
        false,
        failure ->
            atReply.set(
                MdSuperblock.wrap(
                    java.nio.ByteBuffer.wrap(
                        array.devices.getFirst().readDurable(4096, MdSuperblock.BYTES)))));
    array.scheduler.runUntilIdle();
    MdSuperblock survivor = atReply.get();
    assertThat(survivor).isNotNull();
    assertThat(survivor.role(1)).as("I3: role of the failed member").isEqualTo(0xfffe);
    assertThat(survivor.events()).as("I3: two past what it had").isEqualTo(before + 2);
    assertThat(array.superblock(1).events()).isEqualTo(before);
  }

  @Test
  void noWriteReachesASurvivorBetweenAFailureAndItsRecord() {
    failing(1, Operation.WRITE, DATA);
    List<DeviceEvent> seen = new ArrayList<>();
    boolean[] failed = new boolean[1];
    array.devices.get(1).listen((device, event) -> failed[0] |= event.errno() != 0);
    array
        .devices
        .getFirst()
        .listen((device, event) -> {
          if (failed[0] && event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE)) {
            seen.add(event);
          }
        });
    for (int i = 0; i < 20; i++) {
      client.submit(i * 4096L, 4096, 2);
    }
    array.scheduler.runUntilIdle();
    client.submit(40 * 4096L, 4096, 2);
    array.scheduler.runUntilIdle();
    int record = indexOfSuperblockWrite(seen);
    assertThat(record).isNotNegative();
    assertThat(seen.subList(0, record))
        .as("I3: data given to the survivor before the failure was recorded")
        .noneMatch(event -> event.offsetBytes() >= DATA);
  }

  @Test
  void aFailedReadIsAnsweredByTheOtherMember() {
    failing(0, Operation.READ, DATA);
    failing(1, Operation.READ, DATA + SIZE);
    for (int i = 0; i < 4; i++) {
      assertThat(read(0, 4096)).containsOnly(1);
    }
    assertThat(roleOf(0)).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(mirror.status().members().getFirst().readErrors()).isEqualTo(1);
  }

  @Test
  void theLastMemberStaysAndItsErrorGoesToTheClient() {
    failing(1, Operation.WRITE, DATA);
    assertThat(write(0, 4096, 2)).isNull();
    SimulatedFault fault = failing(0, Operation.WRITE, DATA);
    DeviceException failure = write(4096, 4096, 3);
    assertThat(failure).isNotNull();
    assertThat(failure.errno()).isEqualTo(Errno.EIO);
    assertThat(roleOf(0)).as("I7").isEqualTo(ArrayStatus.Role.IN_SYNC);
    array.devices.getFirst().heal(fault);
    assertThat(write(4096, 4096, 4)).isNull();
    assertThat(read(4096, 4096)).containsOnly(4);
  }

  @Test
  void aFailedFlushFailsTheMemberAndKeepsEveryBit() {
    assertThat(write(5 * CHUNK, 4096, 2)).isNull();
    failing(1, Operation.FLUSH, 0);
    assertThat(flush()).isNull();
    assertThat(roleOf(1)).as("I5").isEqualTo(ArrayStatus.Role.FAULTY);
    array.scheduler.advance(60 * SECOND);
    for (int chunk : new int[] {0, 5}) {
      assertThat(TestArray.bit(array.devices.getFirst(), chunk)).as("bit %d", chunk).isTrue();
    }
  }

  @Test
  void aFailedFlushOfTheLastMemberBreaksTheArray() {
    failing(1, Operation.WRITE, DATA);
    assertThat(write(0, 4096, 2)).isNull();
    SimulatedFault fault = failing(0, Operation.FLUSH, 0);
    assertThat(flush()).as("I7").isNotNull();
    array.devices.getFirst().heal(fault);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.BROKEN);
    assertThat(write(0, 4096, 3)).isNotNull();
    assertThat(flush()).isNotNull();
    assertThat(read(0, 4096)).containsOnly(2);
    array.scheduler.advance(60 * SECOND);
    assertThat(TestArray.bit(array.devices.getFirst(), 0)).as("I7: nothing is cleared").isTrue();
    assertThat(array.superblock(0).resyncOffset()).as("I7: clean is never written").isZero();
  }

  @Test
  void aSuperblockThatCannotBeWrittenOnTheLastMemberBreaksTheArray() {
    array
        .devices
        .getFirst()
        .inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE).within(4096, 4096));
    failing(1, Operation.WRITE, DATA);
    assertThat(write(0, 4096, 2)).as("I7: the failure cannot be recorded").isNotNull();
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.BROKEN);
    assertThat(write(0, 4096, 2)).isNotNull();
  }

  @Test
  void aBitmapThatCannotBeWrittenIsOutOfTrustBeforeDataFollows() {
    for (SimulatedDevice device : array.devices) {
      device.inject(
          SimulatedFault.failing(Errno.EIO)
              .on(Operation.WRITE)
              .within(TestArray.BITMAP_OFFSET_BYTES, 4096));
    }
    long bitmapEvents = array.superblock(0).events();
    List<Long> eventsAtData = new ArrayList<>();
    for (SimulatedDevice device : array.devices) {
      device.listen((ignored, event) -> {
        if (event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE) && event.offsetBytes() >= DATA) {
          eventsAtData.add(array.superblock(survivor()).events());
        }
      });
    }
    assertThat(write(7 * CHUNK, 4096, 2)).isNull();
    assertThat(mirror.status().bitmap().kind()).isEqualTo(ArrayStatus.BitmapKind.KICKED);
    assertThat(eventsAtData)
        .as("I6: the members' event count when data is forwarded")
        .isNotEmpty()
        .allMatch(events -> events > bitmapEvents);
  }

  @Test
  void anArrayWithAKickedBitmapResyncsInFullAfterACrash() {
    for (SimulatedDevice device : array.devices) {
      device.inject(
          SimulatedFault.failing(Errno.EIO)
              .on(Operation.WRITE)
              .within(TestArray.BITMAP_OFFSET_BYTES, 4096));
    }
    assertThat(write(7 * CHUNK, 4096, 2)).isNull();
    array.devices.forEach(SimulatedDevice::powerCut);
    TestArray next =
        new TestArray(
            array,
            array.scheduler,
            array.devices.stream().map(device -> device.reopen(array.scheduler)).toList());
    next.devices.forEach(
        device -> assertThat(TestArray.bit(device, 7)).as("the bit never got there").isFalse());
    Mirror again = next.assemble(List.of(next.devices.get(survivor())), true);
    assertThat(again.status().bitmap().dirtyChunks()).as("all set").isEqualTo(SIZE / CHUNK);
  }

  @Test
  void aMemberThatIsGoneAltogetherIsLeftOut() {
    array.devices.get(1).disappear();
    assertThat(write(0, 4096, 9)).isNull();
    assertThat(flush()).isNull();
    assertThat(read(0, 4096)).containsOnly(9);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.DEGRADED);
  }

  @Test
  void aStopWithAFailedMemberIsCleanAndKeepsTheBits() {
    array.devices.get(1).disappear();
    assertThat(write(3 * CHUNK, 4096, 9)).isNull();
    assertThat(client.stop()).isNull();
    assertThat(array.superblock(0).resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
    assertThat(TestArray.bit(array.devices.getFirst(), 3)).isTrue();
  }

  private static int indexOfSuperblockWrite(List<DeviceEvent> events) {
    for (int i = 0; i < events.size(); i++) {
      if (events.get(i).offsetBytes() == 4096) {
        return i;
      }
    }
    return -1;
  }

  /** Both copies of the bitmap fail; which member is out by the first of them is chance. */
  private int survivor() {
    return roleOf(0) == ArrayStatus.Role.IN_SYNC ? 0 : 1;
  }

  private SimulatedFault failing(int slot, Operation operation, long fromBytes) {
    SimulatedFault fault = SimulatedFault.failing(Errno.EIO).on(operation).within(fromBytes, SIZE);
    array.devices.get(slot).inject(fault);
    return fault;
  }

  private ArrayStatus.Role roleOf(int slot) {
    return mirror.status().members().get(slot).role();
  }

  private @Nullable DeviceException write(long offset, int length, int value) {
    return client.write(offset, length, value);
  }

  private @Nullable DeviceException flush() {
    return client.flush();
  }

  private byte[] read(long offset, int length) {
    return client.read(offset, length);
  }
}
