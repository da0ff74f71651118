package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.superblock.BadBlockLog;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What follows when a member cannot read some of its blocks. */
class ReadErrorTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final long DATA = TestArray.DATA_OFFSET_BYTES;
  private static final long SECOND = 1_000_000_000L;

  private TestArray array = new TestArray(1, 2, SIZE, CHUNK);
  private Mirror mirror = start(array);
  private ArrayClient client = new ArrayClient(array, mirror);

  private static Mirror start(TestArray array) {
    array.giveBadBlockLogs();
    Mirror mirror = array.assemble();
    assertThat(new ArrayClient(array, mirror).write(0, SIZE, 1)).isNull();
    return mirror;
  }

  @Test
  void anUnreadableBlockIsAnsweredByTheOtherMemberAndWrittenAnew() {
    unreadableUntilWritten(0, 8192, 4096);
    assertThat(client.read(8192, 4096)).containsOnly(1);
    assertThat(memberIs(0)).isEqualTo(ArrayStatus.Role.IN_SYNC);
    assertThat(mirror.status().members().getFirst().readErrors()).isEqualTo(1);
    array.devices.get(1).disappear();
    assertThat(client.write(0, 512, 2)).isNull();
    assertThat(client.read(8192, 4096)).as("from the mended block").containsOnly(1);
    assertThat(client.stop()).isNull();
    assertThat(array.superblock(0).cntCorrectedRead()).isEqualTo(1);
    assertThat(array.badBlocksOnMedium(0)).isEmpty();
  }

  @Test
  void onlyWhatIsUnreadableIsWrittenAnew() {
    unreadableUntilWritten(0, 64 << 10, 4096);
    long writesBefore = dataWrites(0);
    assertThat(client.read(0, 256 << 10)).containsOnly(1);
    assertThat(dataWrites(0) - writesBefore).isEqualTo(1);
  }

  @Test
  void aBlockThatCannotBeWrittenIsRecordedAsBadAndReadElsewhere() {
    failing(0, 8192, 4096, Operation.READ, Operation.WRITE);
    assertThat(client.read(0, 64 << 10)).containsOnly(1);
    assertThat(memberIs(0)).isEqualTo(ArrayStatus.Role.IN_SYNC);
    assertThat(array.badBlocksOnMedium(0))
        .containsExactly(new BadBlockLog.Entry((DATA + 8192) / 512, 8));
    long errors = mirror.status().members().getFirst().readErrors();
    assertThat(client.read(0, 64 << 10)).containsOnly(1);
    assertThat(mirror.status().members().getFirst().readErrors())
        .as("nobody reads there again")
        .isEqualTo(errors);
  }

  @Test
  void withoutRoomInTheLogTheMemberFails() {
    array = new TestArray(2, 2, SIZE, CHUNK);
    mirror = array.assemble();
    client = new ArrayClient(array, mirror);
    assertThat(client.write(0, SIZE, 1)).isNull();
    failing(0, 8192, 4096, Operation.READ, Operation.WRITE);
    assertThat(client.read(8192, 4096)).containsOnly(1);
    assertThat(memberIs(0)).isEqualTo(ArrayStatus.Role.FAULTY);
  }

  @Test
  void moreThanTwentyReadErrorsInAnHourFailTheMember() {
    for (int i = 0; i < 20; i++) {
      unreadableUntilWritten(0, i * 4096L, 4096);
      assertThat(client.read(i * 4096L, 4096)).containsOnly(1);
    }
    assertThat(memberIs(0)).isEqualTo(ArrayStatus.Role.IN_SYNC);
    unreadableUntilWritten(0, 100 * 4096L, 4096);
    assertThat(client.read(100 * 4096L, 4096)).containsOnly(1);
    assertThat(memberIs(0)).isEqualTo(ArrayStatus.Role.FAULTY);
  }

  @Test
  void readErrorsOfLongAgoCountHalfForEveryHour() {
    for (int i = 0; i < 60; i++) {
      array.scheduler.advance(600 * SECOND);
      unreadableUntilWritten(0, i * 4096L, 4096);
      assertThat(client.read(i * 4096L, 4096)).containsOnly(1);
    }
    assertThat(memberIs(0)).isEqualTo(ArrayStatus.Role.IN_SYNC);
  }

  @Test
  void theLastMembersErrorIsTheClientsAndItStays() {
    array.devices.get(1).disappear();
    assertThat(client.write(0, 512, 1)).isNull();
    failing(0, 8192, 4096, Operation.READ);
    DeviceException failure = read(8192, 4096);
    assertThat(failure).isNotNull();
    assertThat(failure.errno()).isEqualTo(Errno.EIO);
    assertThat(memberIs(0)).as("I7").isEqualTo(ArrayStatus.Role.IN_SYNC);
    assertThat(array.badBlocksOnMedium(0)).isEmpty();
    assertThat(client.read(0, 8192)).containsOnly(1);
  }

  @Test
  void errorsOfTwoMembersInDifferentPlacesHideNothing() {
    failing(0, 8192, 4096, Operation.READ, Operation.WRITE);
    failing(1, 32768, 4096, Operation.READ, Operation.WRITE);
    assertThat(client.read(0, 64 << 10)).containsOnly(1);
    assertThat(client.read(0, 64 << 10)).containsOnly(1);
    assertThat(mirror.status().state()).isNotEqualTo(ArrayStatus.State.DEGRADED);
    assertThat(array.badBlocksOnMedium(0)).hasSize(1);
    assertThat(array.badBlocksOnMedium(1)).hasSize(1);
  }

  @Test
  void whatNobodyCanReadIsAnErrorAndNothingElse() {
    failing(0, 8192, 4096, Operation.READ, Operation.WRITE);
    failing(1, 8192, 4096, Operation.READ, Operation.WRITE);
    DeviceException failure = read(0, 64 << 10);
    assertThat(failure).isNotNull();
    assertThat(failure.errno()).isEqualTo(Errno.EIO);
    assertThat(client.read(0, 8192)).containsOnly(1);
    assertThat(client.read(12288, 8192)).containsOnly(1);
    assertThat(mirror.status().state()).isNotEqualTo(ArrayStatus.State.DEGRADED);
  }

  @Test
  void aWriteDuringTheMendingIsNotUndoneByIt() {
    unreadableUntilWritten(0, 8192, 4096);
    ByteBuf target = Unpooled.directBuffer(4096, 4096);
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.read(8192, target, 0, 4096, answer::set);
    array.scheduler.runUntil(() -> answer.get() == null);
    assertThat(client.write(8192, 4096, 7)).isNull();
    for (SimulatedDevice device : array.devices) {
      assertThat(device.readNow(DATA + 8192, 4096)).containsOnly(7);
    }
  }

  @Test
  void whereMembersMayDifferTheSourceIsMendedBeforeItsErrorIsAnswered() {
    array = uncleanWithDifferentData();
    SimulatedDevice source = array.devices.getFirst();
    source.inject(
        SimulatedFault.failing(Errno.EIO).on(Operation.READ).within(DATA + 8192, 512).once());
    mirror = array.assemble();
    client = new ArrayClient(array, mirror);
    byte[] first = client.read(8192, 512);
    byte[] again = client.read(8192, 512);
    assertThat(memberIs(0)).isEqualTo(ArrayStatus.Role.IN_SYNC);
    assertThat(again).as("I4: a read tells the same twice").isEqualTo(first);
    array.scheduler.advance(60 * SECOND);
    assertThat(array.dataOf(0)).as("resynced").isEqualTo(array.dataOf(1));
    assertThat(client.read(8192, 512)).isEqualTo(first);
  }

  @Test
  void aSlowMemberIsAvoidedAndComesBackWhenItIsSlowNoMore() {
    SimulatedFault slow = SimulatedFault.slow(50_000_000).on(Operation.READ);
    array.devices.getFirst().inject(slow);
    client.readAtOnce(8, 0, 4096);
    long before = slow.hits();
    for (int i = 0; i < 200; i++) {
      client.readAtOnce(1, i * 4096L, 4096);
    }
    assertThat(slow.hits() - before).as("reads of it, to see how it is").isLessThan(10);
    array.devices.getFirst().heal(slow);
    for (int i = 0; i < 200; i++) {
      array.scheduler.advance(SECOND / 2);
      client.readAtOnce(1, i * 4096L, 4096);
    }
    long reads = readsOf(0);
    client.readAtOnce(20, 0, 4096);
    assertThat(readsOf(0) - reads).as("it has its share again").isGreaterThan(5);
  }

  private long readsOf(int slot) {
    return array.devices.get(slot).trace().stream()
        .filter(event -> event.is(DeviceEvent.Phase.SUBMITTED, Operation.READ))
        .count();
  }

  @Test
  void aReadOnlyArrayMendsNothingAndWritesNothing() {
    assertThat(client.stop()).isNull();
    TestArray next = reopened(array);
    Mirror readOnly = next.assembleReadOnly();
    ArrayClient reader = new ArrayClient(next, readOnly);
    next.devices
        .getFirst()
        .inject(SimulatedFault.failing(Errno.EIO).on(Operation.READ).within(DATA + 8192, 4096));
    assertThat(reader.read(0, 64 << 10)).containsOnly(1);
    for (SimulatedDevice device : next.devices) {
      assertThat(device.trace())
          .noneMatch(event -> event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE));
    }
  }

  /** The first member has 1 everywhere, the second 2, and nobody knows which is right. */
  private static TestArray uncleanWithDifferentData() {
    TestArray array = new TestArray(3, 2, SIZE, CHUNK);
    array.giveBadBlockLogs();
    Mirror mirror = array.assemble();
    ArrayClient client = new ArrayClient(array, mirror);
    AtomicReference<@Nullable DeviceException> answer = client.submit(0, CHUNK, 1);
    array.scheduler.runUntil(() -> answer.get() == null);
    array.devices.forEach(SimulatedDevice::processKill);
    TestArray next = reopened(array);
    byte[] other = new byte[CHUNK];
    Arrays.fill(other, (byte) 2);
    next.devices.get(1).writeNow(DATA, other);
    return next;
  }

  private static TestArray reopened(TestArray array) {
    return new TestArray(
        array,
        array.scheduler,
        array.devices.stream().map(device -> device.reopen(array.scheduler)).toList());
  }

  private @Nullable DeviceException read(long offset, int length) {
    ByteBuf target = Unpooled.directBuffer(length, length);
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.read(offset, target, 0, length, answer::set);
    client.settle();
    return answer.get();
  }

  private void unreadableUntilWritten(int slot, long offset, int length) {
    SimulatedFault fault = failing(slot, offset, length, Operation.READ);
    array
        .devices
        .get(slot)
        .listen((device, event) -> {
          if (event.is(DeviceEvent.Phase.COMPLETED, Operation.WRITE)
              && event.offsetBytes() < DATA + offset + length
              && event.offsetBytes() + event.lengthBytes() > DATA + offset) {
            device.heal(fault);
          }
        });
  }

  private SimulatedFault failing(
      int slot, long offset, int length, Operation first, Operation... more) {
    SimulatedFault fault =
        SimulatedFault.failing(Errno.EIO).on(first, more).within(DATA + offset, length);
    array.devices.get(slot).inject(fault);
    return fault;
  }

  private long dataWrites(int slot) {
    return array.devices.get(slot).trace().stream()
        .filter(event -> event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE))
        .filter(event -> event.offsetBytes() >= DATA)
        .count();
  }

  private ArrayStatus.Role memberIs(int slot) {
    return mirror.status().members().get(slot).role();
  }
}
