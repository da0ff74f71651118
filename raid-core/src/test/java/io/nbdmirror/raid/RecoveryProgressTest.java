package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.status.ArrayStatus.Role;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How far a recovery is: on the medium, after a crash, under load, and where there are holes. */
class RecoveryProgressTest {
  private static final int WINDOW = 1 << 20;
  private static final int SIZE = 16 * WINDOW;
  private static final int CHUNK = 64 << 10;
  private static final long SECOND = 1_000_000_000L;

  private final TestArray array = new TestArray(21, 2, SIZE, CHUNK);
  private final SimulatedDevice fresh = newDevice("fresh", array.scheduler);
  private final SimulatedScheduler later = new SimulatedScheduler(77);
  private final List<Long> recorded = new ArrayList<>();
  private final Mirror mirror = array.assemble();

  @Test
  void aRecoveryGoesOnAfterACrashWhereItsSuperblockSaysAndNotAtZero() {
    recoverSlowly();
    array.scheduler.advance(14 * SECOND);
    assertThat(recorded).isNotEmpty();
    long reached = superblock(fresh).recoveryOffset() * 512;
    assertThat(reached).isGreaterThanOrEqualTo(4L * WINDOW);
    List<SimulatedDevice> disks = afterPowerCut();
    Mirror again = new TestArray(array, later, disks).assemble(disks, false);
    later.advance(30 * SECOND);
    assertThat(again.status().members().get(1).role()).isEqualTo(Role.IN_SYNC);
    assertThat(again.status().sync().copiedBytes()).isEqualTo(SIZE - reached);
    assertThat(data(disks.get(1))).isEqualTo(data(disks.get(0)));
  }

  /** I13, looked at whenever a superblock has become durable. */
  @Test
  void theRecordedOffsetNeverRunsAheadOfTheMedium() {
    recoverSlowly();
    fresh.listen((device, event) -> {
      if (recordsProgress(event)) {
        int offset = (int) superblock(fresh).recoveryOffset() * 512;
        assertThat(fresh.readDurable(TestArray.DATA_OFFSET_BYTES, offset))
            .as("I13: the first %d bytes", offset)
            .containsOnly('a');
      }
    });
    array.scheduler.advance(100 * SECOND);
    assertThat(recorded).as("checkpoints").hasSizeGreaterThanOrEqualTo(2).isSorted();
    assertThat(data(fresh)).isEqualTo(array.dataOf(0));
  }

  /** The last member in sync stays, and keeps what it has; so must whoever is to be its equal. */
  @Test
  void whatFailsOnTheLastMemberInSyncDoesNotStayOnTheOneThatIsRebuilt() {
    recoverSlowly();
    array.scheduler.advance(14 * SECOND);
    failOnce(array.devices.getFirst());
    ArrayClient client = new ArrayClient(array, mirror);
    assertThat(client.write(8192, 4096, 'b')).isNotNull();
    array.scheduler.advance(100 * SECOND);
    assertThat(mirror.status().members().get(1).role()).isEqualTo(Role.IN_SYNC);
    assertThat(data(fresh)).isEqualTo(array.dataOf(0));
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
  }

  @Test
  void untilThatIsCopiedAgainTheArrayIsNotClean() {
    recoverSlowly();
    array.scheduler.advance(14 * SECOND);
    failOnce(array.devices.getFirst());
    fresh.listen((device, event) -> {
      if (event.is(DeviceEvent.Phase.COMPLETED, Operation.WRITE)
          && event.offsetBytes() == 4096
          && superblock(fresh).resyncOffset() == MdSuperblock.RESYNC_OFFSET_CLEAN) {
        assertThat(data(fresh)).as("I8").isEqualTo(array.dataOf(0));
      }
    });
    ArrayClient client = new ArrayClient(array, mirror);
    assertThat(client.write(8192, 4096, 'b')).isNotNull();
    array.scheduler.advance(100 * SECOND);
    assertThat(superblock(fresh).resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
  }

  @Test
  void oneThatCannotBeMadeTheSameAgainIsNotRebuiltAnyFurther() {
    recoverSlowly();
    array.scheduler.advance(14 * SECOND);
    failOnce(array.devices.getFirst());
    array
        .devices
        .getFirst()
        .inject(
            SimulatedFault.failing(Errno.EIO)
                .on(Operation.READ)
                .within(TestArray.DATA_OFFSET_BYTES + 8192, 4096));
    ArrayClient client = new ArrayClient(array, mirror);
    assertThat(client.write(8192, 4096, 'b')).isNotNull();
    array.scheduler.advance(100 * SECOND);
    assertThat(mirror.status().members().get(1).role()).as("I13").isEqualTo(Role.FAULTY);
  }

  private static void failOnce(SimulatedDevice device) {
    device.inject(
        SimulatedFault.failing(Errno.EIO)
            .on(Operation.WRITE)
            .within(TestArray.DATA_OFFSET_BYTES, SIZE)
            .once());
  }

  /** It failed on the only member in sync, which is not the only one when all have answered. */
  @Test
  void whatFailedOnAMemberBeforeAnotherWasInSyncFailsIt() {
    start();
    slowWrites(1, 15 * WINDOW, SIZE);
    addFresh();
    array.scheduler.runUntil(() -> mirror.status().sync().doneBytes() >= 15 * WINDOW);
    failOnce(array.devices.getFirst());
    slowWrites(25, 0, WINDOW);
    AtomicReference<@Nullable DeviceException> answer =
        new ArrayClient(array, mirror).submit(8192, 4096, 'b');
    array.scheduler.runUntil(() -> mirror.status().members().get(1).role() == Role.IN_SYNC);
    assertThat(answer.get()).hasMessage("no answer");
    array.scheduler.advance(30 * SECOND);
    assertThat(answer.get()).isNull();
    assertThat(mirror.status().members())
        .filteredOn(member -> member.role() == Role.FAULTY)
        .extracting(ArrayStatus.Member::path)
        .containsExactly("member0");
  }

  /** Whichever comes first among members: one that is in sync by now has the write (I3). */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void whatStayedBecauseItWasTheLastFailsWhenAnotherInSyncHasTheWrite(int slot) {
    start(slot);
    SimulatedDevice last = array.devices.get(1 - slot);
    fresh.inject(SimulatedFault.slow(10 * SECOND).on(Operation.FLUSH));
    addFresh();
    array.scheduler.runUntil(() -> mirror.status().sync().doneBytes() == SIZE);
    failOnce(last);
    slowWrites(25, 8192, 8192 + 4096);
    AtomicReference<@Nullable DeviceException> answer =
        new ArrayClient(array, mirror).submit(8192, 4096, 'b');
    array.scheduler.runUntil(() -> mirror.status().members().get(slot).role() == Role.IN_SYNC);
    assertThat(answer.get()).hasMessage("no answer");
    array.scheduler.advance(30 * SECOND);
    assertThat(answer.get()).isNull();
    assertThat(mirror.status().members().get(1 - slot).role()).isEqualTo(Role.FAULTY);
  }

  /** What is made the same again may come from the member that failed it. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void whatFailedStaysFailedWhenAnotherGetsInSyncWhileMembersAreMadeTheSame(int slot) {
    start(slot);
    SimulatedDevice last = array.devices.get(1 - slot);
    fresh.inject(SimulatedFault.slow(10 * SECOND).on(Operation.FLUSH));
    addFresh();
    array.scheduler.runUntil(() -> mirror.status().sync().doneBytes() == SIZE);
    failOnce(last);
    last.inject(
        SimulatedFault.slow(25 * SECOND)
            .on(Operation.EXTENTS)
            .within(TestArray.DATA_OFFSET_BYTES + 8192, 4096));
    AtomicReference<@Nullable DeviceException> answer =
        new ArrayClient(array, mirror).submit(8192, 4096, 'b');
    array.scheduler.runUntil(() -> mirror.status().members().get(slot).role() == Role.IN_SYNC);
    assertThat(answer.get()).hasMessage("no answer");
    array.scheduler.advance(30 * SECOND);
    assertThat(answer.get()).isNotNull().extracting(DeviceException::errno).isEqualTo(Errno.EIO);
    assertThat(data(fresh)).isEqualTo(array.dataOf(1 - slot));
  }

  @Test
  void aCleanStopInTheMiddleRecordsThePosition() {
    recoverSlowly();
    array.scheduler.advance(9 * SECOND);
    assertThat(mirror.status().sync().action()).isEqualTo(SyncAction.RECOVERY);
    assertThat(superblock(fresh).recoveryOffset()).as("no checkpoint yet").isZero();
    mirror.stop(failure -> assertThat(failure).isNull());
    array.scheduler.advance(20 * SECOND);
    long reached = superblock(fresh).recoveryOffset() * 512;
    assertThat(reached).isPositive();
    assertThat(fresh.readDurable(TestArray.DATA_OFFSET_BYTES, (int) reached)).containsOnly('a');
    assertThat(fresh.isClosed()).isTrue();
  }

  /** The others' holes are of no account: they neither get nor give anything. */
  @Test
  void nothingIsAllocatedOnTheTargetWhereTheSourceHasAHole() {
    TestArray three = new TestArray(22, 3, SIZE, CHUNK);
    put(three, 0, 2 * WINDOW, 4096, 'a');
    put(three, 1, 2 * WINDOW, 4096, 'a');
    put(three, 1, 9 * WINDOW, WINDOW, 0);
    SimulatedDevice target = newDevice("target", three.scheduler);
    target.writeNow(TestArray.DATA_OFFSET_BYTES + 5 * WINDOW + 8192, filled(4096, 'x'));
    Mirror other = three.assemble();
    three.scheduler.runUntilIdle();
    replaceMember2(other, three, target);
    List<Long> holes = new ArrayList<>();
    target.extents(
        TestArray.DATA_OFFSET_BYTES,
        SIZE,
        (extents, failure) ->
            extents.forEach(extent -> holes.add(extent.hole() ? 0 : extent.lengthBytes())));
    three.scheduler.runUntilIdle();
    assertThat(holes.stream().mapToLong(Long::longValue).sum()).as("bytes of data").isEqualTo(4096);
    assertThat(other.status().sync().copiedBytes()).as("one block each").isEqualTo(8192);
    assertThat(data(target)).isEqualTo(three.dataOf(0));
  }

  private void replaceMember2(Mirror other, TestArray three, SimulatedDevice target) {
    other.membership().fail("member2", failure -> assertThat(failure).isNull());
    three.scheduler.advance(SECOND);
    other.membership().remove("member2", failure -> assertThat(failure).isNull());
    three.scheduler.advance(SECOND);
    other.membership().add(target, failure -> assertThat(failure).isNull());
    three.scheduler.advance(10 * SECOND);
    assertThat(other.status().members().get(2).role()).isEqualTo(Role.IN_SYNC);
  }

  @Test
  void clientsSlowARecoveryDown() {
    start();
    addFresh();
    assertThat(secondsUnderLoad()).as("against a tenth alone").isGreaterThan(0.3);
  }

  @Test
  void clientsDoNotSlowARecoveryDownBelowTheMinimum() {
    start();
    mirror.setSyncSpeed(64 << 20, Long.MAX_VALUE);
    addFresh();
    assertThat(secondsUnderLoad()).isLessThan(SIZE / (double) (64 << 20) * 1.1);
  }

  private double secondsUnderLoad() {
    ArrayClient client = new ArrayClient(array, mirror);
    long begun = array.scheduler.elapsedNanos();
    while (mirror.status().sync().action() == SyncAction.RECOVERY) {
      client.submit(0, 4096, 'b');
      array.scheduler.advance(SECOND / 1000);
    }
    return (array.scheduler.elapsedNanos() - begun) / 1e9;
  }

  @Test
  void withoutClientsARecoveryIsAsFastAsMembersAre() {
    start();
    addFresh();
    long begun = array.scheduler.elapsedNanos();
    array.scheduler.runUntil(() -> mirror.status().sync().action() == SyncAction.IDLE);
    assertThat((array.scheduler.elapsedNanos() - begun) / 1e9).isLessThan(0.1);
  }

  @Test
  void theMaximumHolds() {
    start();
    mirror.setSyncSpeed(0, 4 << 20);
    addFresh();
    long begun = array.scheduler.elapsedNanos();
    array.scheduler.runUntil(() -> mirror.status().sync().action() == SyncAction.IDLE);
    double seconds = (array.scheduler.elapsedNanos() - begun) / 1e9;
    assertThat(seconds).isBetween(SIZE / (double) (4 << 20) * 0.9, SIZE / (double) (4 << 20) * 1.2);
  }

  /** Four windows in five seconds: all sixteen in twenty. */
  private void recoverSlowly() {
    start();
    slowWrites(5, 0, SIZE);
    addFresh();
  }

  /** What it is told and the last member in sync is not must not make that one look old. */
  @Test
  void aMemberThatIsRebuiltIsNotWrittenOnWhenTheArrayIsBroken() {
    start();
    array
        .devices
        .getFirst()
        .inject(
            SimulatedFault.failing(Errno.EIO).on(Operation.WRITE).within(4096, MdSuperblock.BYTES));
    slowWrites(1, 0, SIZE);
    mirror.membership().add(fresh, failure -> {});
    array.scheduler.advance(10 * SECOND);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.BROKEN);
    List<SimulatedDevice> disks = afterPowerCut();
    Mirror again = new TestArray(array, later, disks).assemble(disks, false);
    assertThat(again.status().members().getFirst().role()).isEqualTo(Role.IN_SYNC);
  }

  @Test
  void aFlushIsDoneByAMemberThatHasBeenRebuiltMeanwhile() {
    start();
    slowWrites(1, 0, SIZE);
    addFresh();
    array.devices.getFirst().inject(SimulatedFault.stuck().on(Operation.FLUSH).once());
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.flush(answer::set);
    array.scheduler.runUntil(() -> mirror.status().members().get(1).role() == Role.IN_SYNC);
    assertThat(answer.get()).hasMessage("no answer");
    array.scheduler.advance(40 * SECOND);
    assertThat(mirror.status().members())
        .extracting(ArrayStatus.Member::role)
        .contains(Role.FAULTY);
    assertThat(answer.get()).isNull();
  }

  private void slowWrites(long seconds, long start, long end) {
    fresh.inject(
        SimulatedFault.slow(seconds * SECOND)
            .on(Operation.WRITE)
            .within(TestArray.DATA_OFFSET_BYTES + start, end - start));
  }

  private void start() {
    start(1);
  }

  /** Leaves that slot empty. */
  private void start(int slot) {
    String gone = "member" + slot;
    array.scheduler.runUntilIdle();
    put(array, 1 - slot, 0, SIZE, 'a');
    mirror.membership().fail(gone, failure -> assertThat(failure).isNull());
    array.scheduler.advance(SECOND);
    mirror.membership().remove(gone, failure -> assertThat(failure).isNull());
    array.scheduler.advance(SECOND);
  }

  private void addFresh() {
    fresh.listen((device, event) -> {
      if (recordsProgress(event)) {
        recorded.add(superblock(fresh).recoveryOffset() * 512);
      }
    });
    mirror.membership().add(fresh, failure -> assertThat(failure).isNull());
    array.scheduler.runUntil(() -> mirror.status().sync().action() == SyncAction.RECOVERY);
  }

  private boolean recordsProgress(DeviceEvent event) {
    return event.is(DeviceEvent.Phase.COMPLETED, Operation.WRITE)
        && event.offsetBytes() == 4096
        && superblock(fresh).recoveryOffset() > 0;
  }

  private List<SimulatedDevice> afterPowerCut() {
    return List.of(
        array.devices.getFirst().forkAfterPowerCut(1, later), fresh.forkAfterPowerCut(2, later));
  }

  private static SimulatedDevice newDevice(String name, SimulatedScheduler scheduler) {
    return new SimulatedDevice(
        SimulatedDisk.of(name, TestArray.DATA_OFFSET_BYTES + SIZE), scheduler, name.hashCode());
  }

  private static byte[] data(SimulatedDevice device) {
    return device.readNow(TestArray.DATA_OFFSET_BYTES, SIZE);
  }

  private static MdSuperblock superblock(SimulatedDevice device) {
    return MdSuperblock.wrap(ByteBuffer.wrap(device.readNow(4096, MdSuperblock.BYTES)));
  }

  private static byte[] filled(int length, int value) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static void put(TestArray into, int slot, long offset, int length, int value) {
    into.devices.get(slot).writeNow(TestArray.DATA_OFFSET_BYTES + offset, filled(length, value));
  }
}
