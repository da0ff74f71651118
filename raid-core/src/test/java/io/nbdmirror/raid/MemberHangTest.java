package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.status.ArrayStatus;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A member that stops answering does not stop the mirror. */
class MemberHangTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final long DATA = TestArray.DATA_OFFSET_BYTES;
  private static final long SECOND = 1_000_000_000L;

  private final TestArray array =
      new TestArray(1, 2, SIZE, CHUNK, disk -> disk.withBlockBytes(4096));
  private final Mirror mirror = array.assemble();
  private final ArrayClient client = new ArrayClient(array, mirror);

  @BeforeEach
  void makeActive() {
    mirror.setCleanDelayNanos(0);
    assertThat(client.write(0, 64 << 10, 1)).isNull();
  }

  @Test
  void aWriteThatHangsOnOneMemberIsAnsweredWhenThatMemberIsFailed() {
    stuck(1, Operation.WRITE, DATA);
    AtomicReference<@Nullable DeviceException> answer = client.submit(0, 4096, 2);
    array.scheduler.advance(29 * SECOND);
    assertThat(answer.get()).as("within the time-out").isNotNull();
    array.scheduler.advance(6 * SECOND);
    assertThat(answer.get()).isNull();
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(array.superblock(0).role(1)).as("I3").isEqualTo(0xfffe);
    assertThat(client.write(4096, 4096, 3)).isNull();
    assertThat(client.read(4096, 4096)).containsOnly(3);
    assertThat(client.flush()).isNull();
  }

  @Test
  void whatComesBackLateChangesNothing() {
    stuck(1, Operation.WRITE, DATA);
    client.submit(0, 4096, 2);
    array.scheduler.advance(40 * SECOND);
    array.devices.get(1).releaseAbandoned();
    client.settle();
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(client.read(0, 4096)).containsOnly(2);
  }

  @Test
  void theTimeOutCanBeSet() {
    mirror.setMemberTimeoutNanos(2 * SECOND);
    stuck(1, Operation.WRITE, DATA);
    AtomicReference<@Nullable DeviceException> answer = client.submit(0, 4096, 2);
    array.scheduler.advance(3 * SECOND);
    assertThat(answer.get()).isNull();
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.FAULTY);
  }

  @Test
  void aSlowMemberIsNotAHungOne() {
    array.devices.get(1).inject(SimulatedFault.slow(20 * SECOND).on(Operation.WRITE));
    AtomicReference<@Nullable DeviceException> answer = client.submit(0, 4096, 2);
    array.scheduler.advance(40 * SECOND);
    assertThat(answer.get()).isNull();
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.IN_SYNC);
  }

  @Test
  void theLastMemberInSyncIsWaitedFor() {
    array.devices.get(1).disappear();
    assertThat(client.write(0, 4096, 2)).isNull();
    SimulatedFault fault = stuck(0, Operation.WRITE, DATA);
    AtomicReference<@Nullable DeviceException> answer = client.submit(0, 4096, 3);
    array.scheduler.advance(300 * SECOND);
    assertThat(answer.get()).as("I7: still waited for").hasMessage("no answer");
    assertThat(roleOf(0)).isEqualTo(ArrayStatus.Role.IN_SYNC);
    array.devices.getFirst().heal(fault);
    array.devices.getFirst().release();
    client.settle();
    assertThat(answer.get()).isNull();
    assertThat(client.read(0, 4096)).containsOnly(3);
  }

  @Test
  void whenAllHangNoneIsFailed() {
    SimulatedFault first = stuck(0, Operation.WRITE, DATA);
    SimulatedFault second = stuck(1, Operation.WRITE, DATA);
    AtomicReference<@Nullable DeviceException> answer = client.submit(0, 4096, 3);
    array.scheduler.advance(300 * SECOND);
    assertThat(answer.get()).hasMessage("no answer");
    array.devices.getFirst().heal(first);
    array.devices.get(1).heal(second);
    array.devices.forEach(SimulatedDevice::release);
    client.settle();
    assertThat(answer.get()).isNull();
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.ACTIVE);
  }

  @Test
  void aFlushThatHangsFailsTheMember() {
    stuck(1, Operation.FLUSH, 0);
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.flush(answer::set);
    array.scheduler.advance(40 * SECOND);
    assertThat(answer.get()).isNull();
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.FAULTY);
  }

  @Test
  void aBitmapPageThatHangsFailsTheMemberAndTheWriteGoesOn() {
    stuck(1, Operation.WRITE, TestArray.BITMAP_OFFSET_BYTES);
    AtomicReference<@Nullable DeviceException> answer = client.submit(9L * CHUNK, 4096, 2);
    array.scheduler.advance(40 * SECOND);
    assertThat(answer.get()).isNull();
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(TestArray.bit(array.devices.getFirst(), 9)).isTrue();
  }

  @Test
  void aSuperblockThatHangsFailsTheMember() {
    mirror.setCleanDelayNanos(SECOND);
    array.scheduler.advance(60 * SECOND);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
    stuck(1, Operation.WRITE, 4096);
    AtomicReference<@Nullable DeviceException> answer = client.submit(0, 4096, 2);
    array.scheduler.advance(40 * SECOND);
    assertThat(answer.get()).isNull();
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(array.superblock(0).role(1)).isEqualTo(0xfffe);
  }

  @Test
  void aWholeReadThatHangsIsToBeAskedAgainWithAFreshBuffer() {
    SimulatedFault fault = stuck(0, Operation.READ, DATA);
    ByteBuf scribbled = Unpooled.directBuffer(4096, 4096);
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.read(0, scribbled, 0, 4096, answer::set);
    array.scheduler.advance(40 * SECOND);
    DeviceException failure = answer.get();
    assertThat(failure).isNotNull();
    assertThat(failure.errno()).isEqualTo(Errno.ETIMEDOUT);
    assertThat(scribbled.refCnt()).as("the device still holds it").isEqualTo(2);
    assertThat(client.read(0, 4096)).containsOnly(1);
    array.devices.getFirst().heal(fault);
    array.devices.getFirst().releaseAbandoned();
    client.settle();
    assertThat(scribbled.refCnt()).isEqualTo(1);
  }

  @Test
  void aReadOfPartOfABlockIsAnsweredByTheOtherMember() {
    stuck(0, Operation.READ, DATA);
    ByteBuf target = Unpooled.directBuffer(100, 100).writeZero(100);
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.read(10, target, 0, 100, answer::set);
    array.scheduler.advance(40 * SECOND);
    assertThat(answer.get()).isNull();
    array.devices.getFirst().releaseAbandoned();
    client.settle();
    assertThat(target.refCnt()).isEqualTo(1);
    assertThat(target.getByte(99)).isEqualTo((byte) 1);
  }

  @Test
  void anEdgeBlockThatHangsIsReadFromTheOtherMember() {
    SimulatedFault fault = stuck(0, Operation.READ, DATA);
    AtomicReference<@Nullable DeviceException> answer = client.submit(4000, 200, 5);
    array.scheduler.advance(40 * SECOND);
    assertThat(answer.get()).isNull();
    array.devices.getFirst().heal(fault);
    array.devices.getFirst().releaseAbandoned();
    client.settle();
    byte[] bytes = client.read(0, 8192);
    for (int i = 0; i < bytes.length; i++) {
      assertThat(bytes[i]).as("byte %d", i).isEqualTo((byte) (i >= 4000 && i < 4200 ? 5 : 1));
    }
  }

  @Test
  void anArrayWithAHungMemberStopsAndTheDeviceIsClosedWhenItComesBack() {
    SimulatedFault fault = stuck(1, Operation.WRITE, DATA);
    client.submit(0, 4096, 2);
    array.scheduler.advance(40 * SECOND);
    assertThat(client.stop()).isNull();
    SimulatedDevice hung = array.devices.get(1);
    hung.heal(fault);
    hung.releaseAbandoned();
    array.scheduler.runUntilIdle();
    assertThat(hung.inFlight()).isZero();
    assertThat(hung.reopen(array.scheduler)).as("it is closed").isNotNull();
  }

  private SimulatedFault stuck(int slot, Operation operation, long fromBytes) {
    SimulatedFault fault = SimulatedFault.stuck().on(operation).within(fromBytes, 4096);
    array.devices.get(slot).inject(fault);
    return fault;
  }

  private ArrayStatus.Role roleOf(int slot) {
    return mirror.status().members().get(slot).role();
  }
}
