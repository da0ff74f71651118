package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.simulation.Latency;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.status.ArrayStatus;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Write-mostly members may lag (md's write-behind): what is answered before they have it, and what
 * waits until they do. The second member is write-mostly, and takes no data for as long as a test
 * likes.
 */
class WriteBehindTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final long DATA = TestArray.DATA_OFFSET_BYTES;
  private static final long MILLI = 1_000_000L;
  private static final long SECOND = 1000 * MILLI;
  private static final int LIMIT = 4;

  private TestArray array = lagging(new TestArray(1, 2, SIZE, CHUNK));
  private Mirror mirror = array.assemble();
  private ArrayClient client = new ArrayClient(array, mirror);

  private static TestArray lagging(TestArray array) {
    array.setWriteBehind(1, LIMIT);
    return array;
  }

  /** Another array, for the rest of the test. */
  private void start(TestArray other) {
    array = lagging(other);
    mirror = array.assemble();
    client = new ArrayClient(array, mirror);
    makeActive();
  }

  @BeforeEach
  void makeActive() {
    mirror.setCleanDelayNanos(0);
    assertThat(client.write(0, 2 * CHUNK, 1)).isNull();
  }

  @Test
  void aWriteIsAnsweredBeforeTheWriteMostlyMemberHasIt() {
    hold(1);
    AtomicReference<@Nullable DeviceException> answer = client.submit(0, 4096, 2);
    assertAnswered(answer);
    assertThat(dataOf(0, 0)).isEqualTo((byte) 2);
    assertThat(dataOf(1, 0)).isEqualTo((byte) 1);
    assertThat(behind()).isEqualTo(1);
    letGo(1);
    assertThat(dataOf(1, 0)).isEqualTo((byte) 2);
    assertThat(behind()).isZero();
  }

  /** The client has it back when it is answered; the device would see if its bytes changed. */
  @Test
  void theClientsBufferIsItsOwnAgain() {
    hold(1);
    ByteBuf bytes = ArrayClient.filled(10_000, 2);
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.write(100, bytes, 0, 10_000, false, answer::set);
    assertAnswered(answer);
    bytes.setZero(0, bytes.capacity());
    bytes.release();
    letGo(1);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0));
    assertThat(Arrays.copyOfRange(array.dataOf(1), 100, 10_100)).containsOnly(2);
  }

  @Test
  void blocksThatAreWrittenInPartGoBehindToo() {
    start(new TestArray(5, 2, SIZE, CHUNK, disk -> disk.withBlockBytes(4096)));
    hold(1);
    assertAnswered(client.submit(100, 10_000, 2));
    assertAnswered(client.submit(20_000, 10, 3));
    AtomicReference<@Nullable DeviceException> zeroed = ArrayClient.unanswered();
    mirror.writeZeroes(30_000, 20_000, true, false, zeroed::set);
    assertAnswered(zeroed);
    AtomicReference<@Nullable DeviceException> trimmed = ArrayClient.unanswered();
    mirror.discard(64 << 10, 8192, false, trimmed::set);
    assertAnswered(trimmed);
    assertThat(behind()).isEqualTo(4);
    assertThat(dataOf(1, 65 << 10)).as("not trimmed yet").isEqualTo((byte) 1);
    letGo(1);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0));
    assertThat(dataOf(1, 20_005)).isEqualTo((byte) 3);
    assertThat(dataOf(1, 40_000)).isZero();
    assertThat(dataOf(1, 65 << 10)).isZero();
  }

  @Test
  void itsBitIsThereUntilTheLastMemberHasIt() {
    array.scheduler.advance(30 * SECOND);
    assertThat(array.bit(0)).as("cleared, before the write").isFalse();
    hold(1);
    assertAnswered(client.submit(0, 4096, 2));
    array.scheduler.advance(25 * SECOND);
    assertThat(durableBit(0)).as("I1").isTrue();
    assertThat(durableBit(1)).as("I1").isTrue();
    letGo(1);
    array.scheduler.advance(30 * SECOND);
    assertThat(array.bit(0)).isFalse();
  }

  @Test
  void theArrayIsNotMarkedCleanMeanwhile() {
    mirror.setCleanDelayNanos(200 * MILLI);
    hold(1);
    assertAnswered(client.submit(0, 4096, 2));
    array.scheduler.advance(20 * SECOND);
    assertThat(mirror.status().state()).as("I8").isEqualTo(ArrayStatus.State.ACTIVE);
    letGo(1);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
  }

  @Test
  void aLaterWriteOfTheSameBytesComesAfterIt() {
    hold(1);
    assertAnswered(client.submit(0, 8192, 2));
    AtomicReference<@Nullable DeviceException> later = client.submit(4096, 8192, 3);
    assertWaits(later);
    assertThat(dataOf(0, 4096)).as("I11").isEqualTo((byte) 2);
    letGo(1);
    assertAnswered(later);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0));
    assertThat(dataOf(1, 4096)).isEqualTo((byte) 3);
  }

  @Test
  void aReadByAMemberThatHasItDoesNotWait() {
    hold(1);
    assertAnswered(client.submit(0, 4096, 2));
    assertThat(client.readAtOnce(1, 0, 4096).getFirst()).containsOnly(2);
    assertThat(behind()).isEqualTo(1);
  }

  @Test
  void aReadOfItWaitsWhenOnlyTheMemberThatLagsIsLeft() {
    hold(1);
    assertAnswered(client.submit(4096, 4096, 2));
    failFirst();
    Reading elsewhere = new Reading(8192);
    Reading there = new Reading(4096);
    array.scheduler.advance(SECOND);
    assertThat(elsewhere.value()).as("it has the rest").isEqualTo(1);
    assertThat(there.value()).as("not what was there before").isEqualTo(Reading.NO_ANSWER);
    letGo(1);
    assertThat(there.value()).isEqualTo(2);
  }

  /** It was with the member that fails when the write was acknowledged, and began before it. */
  @Test
  void aReadThatHasToAskAgainWaitsToo() {
    hold(1);
    SimulatedFault slow = SimulatedFault.slow(SECOND).on(Operation.READ);
    array.devices.getFirst().inject(slow);
    assertAnswered(client.submit(4096, 4096, 2));
    Reading there = new Reading(4096);
    failFirst();
    array.scheduler.advance(3 * SECOND);
    assertThat(there.value()).isEqualTo(Reading.NO_ANSWER);
    letGo(1);
    assertThat(there.value()).isEqualTo(2);
  }

  @Test
  void whatAnotherMemberCannotReadIsReadAndMendedWithWhatWasWrittenLast() {
    hold(1);
    assertAnswered(client.submit(4096, 4096, 2));
    array
        .devices
        .getFirst()
        .inject(
            SimulatedFault.failing(Errno.EIO)
                .on(Operation.READ)
                .within(DATA + 4096, 4096)
                .times(2));
    Reading there = new Reading(4096);
    array.scheduler.advance(SECOND);
    assertThat(there.value()).isEqualTo(Reading.NO_ANSWER);
    letGo(1);
    assertThat(there.value()).isEqualTo(2);
    assertThat(mirror.counters().correctedReads()).isEqualTo(1);
    assertThat(dataOf(0, 4096)).isEqualTo((byte) 2);
  }

  /** The range is written again and again: a read must not wait for what came after it. */
  @Test
  void aReadDoesNotWaitForWritesThatAreAnsweredLater() {
    start(new TestArray(7, 2, SIZE, CHUNK, Latency.INLINE));
    hold(1);
    assertAnswered(client.submit(4096, 4096, 2));
    AtomicReference<@Nullable DeviceException> later = client.submit(4096, 4096, 3);
    assertWaits(later);
    failRead(0, 4096);
    Reading there = new Reading(4096);
    // What the first write holds goes on; the next one is held again.
    array.devices.get(1).release();
    assertAnswered(later);
    assertThat(behind()).isEqualTo(1);
    assertThat(there.value()).isEqualTo(2);
  }

  @Test
  void whereItIsNotYetThereIsNoHole() {
    int hole = 2 * CHUNK;
    assertThat(client.write(hole - 4096, 4096, 1)).isNull();
    hold(1);
    assertAnswered(client.submit(hole, 4096, 2));
    failFirst();
    assertThat(extentsAt(hole + 4096)).containsExactly(new Extent(hole + 4096, 4096, true));
    assertThat(extentsAt(hole)).containsExactly(new Extent(hole, 4096, false));
  }

  @Test
  void aFlushWaitsForIt() {
    hold(1);
    assertAnswered(client.submit(0, 4096, 2));
    boolean[] durable = new boolean[1];
    AtomicReference<@Nullable DeviceException> flushed = ArrayClient.unanswered();
    mirror.flush(failure -> {
      durable[0] = array.devices.get(1).readDurable(DATA, 4096)[4095] == 2;
      flushed.set(failure);
    });
    assertWaits(flushed);
    letGo(1);
    assertThat(flushed.get()).isNull();
    assertThat(durable[0]).as("I5").isTrue();
  }

  @Test
  void aFlushDoesNotWaitForWhatIsBehindLater() {
    hold(1, DATA, 4096);
    assertAnswered(client.submit(0, 4096, 2));
    AtomicReference<@Nullable DeviceException> flushed = ArrayClient.unanswered();
    mirror.flush(flushed::set);
    array.scheduler.advance(SECOND);
    array.devices.get(1).release();
    hold(1, DATA + 8192, 4096);
    assertAnswered(client.submit(8192, 4096, 3));
    array.scheduler.advance(SECOND);
    assertThat(behind()).isEqualTo(1);
    assertThat(flushed.get()).isNull();
  }

  @Test
  void aFuaWriteIsWaitedFor() {
    hold(1);
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.write(0, ArrayClient.filled(4096, 2), 0, 4096, true, answer::set);
    assertWaits(answer);
    letGo(1);
    assertThat(answer.get()).isNull();
  }

  @Test
  void noMoreWritesAreBehindThanTheBitmapAllows() {
    hold(1);
    for (int i = 0; i < LIMIT; i++) {
      assertAnswered(client.submit(i * 4096L, 4096, 2));
    }
    AtomicReference<@Nullable DeviceException> oneMore = client.submit(LIMIT * 4096L, 4096, 2);
    assertWaits(oneMore);
    assertThat(behind()).isEqualTo(LIMIT);
    letGo(1);
    assertThat(oneMore.get()).isNull();
    hold(1);
    assertAnswered(client.submit(0, 4096, 3));
  }

  @Test
  void whatTakesTooMuchMemoryIsWaitedFor() {
    array = new TestArray(3, 2, 64 << 20, 1 << 20);
    array.setWriteBehind(1, 1000);
    mirror = array.assemble();
    client = new ArrayClient(array, mirror);
    mirror.setCleanDelayNanos(0);
    assertThat(client.write(0, 32 << 20, 1)).isNull();
    hold(1, DATA, 64 << 20);
    assertWaits(client.submit(0, (1 << 20) + 4096, 2));
    for (int i = 0; i < 16; i++) {
      assertAnswered(client.submit((i + 2L) << 20, 1 << 20, 2));
    }
    assertWaits(client.submit(20 << 20, 4096, 2));
    assertThat(behind()).isEqualTo(16);
    letGo(1);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0));
    hold(1, DATA, 64 << 20);
    assertAnswered(client.submit(0, 1 << 20, 3));
    assertAnswered(client.submit(2 << 20, 4096, 3));
    letGo(1);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0));
  }

  @Test
  void withoutABitmapNothingIsBehind() {
    AtomicReference<@Nullable DeviceException> changed = ArrayClient.unanswered();
    mirror.changeBitmap(BitmapTarget.NONE, changed::set);
    client.settle();
    assertThat(changed.get()).isNull();
    hold(1);
    AtomicReference<@Nullable DeviceException> answer = client.submit(0, 4096, 2);
    assertWaits(answer);
    letGo(1);
    assertThat(answer.get()).isNull();
  }

  @Test
  void aKickedBitmapIsNone() {
    mirror.bitmapLost(new DeviceException(Errno.EIO, "somebody took it"));
    client.settle();
    hold(1);
    assertWaits(client.submit(0, 4096, 2));
  }

  @Test
  void aMemberThatIsNotWriteMostlyNeverLags() {
    hold(0);
    assertWaits(client.submit(0, 4096, 2));
    assertThat(behind()).isZero();
  }

  @Test
  void norDoesAnybodyWhileOnlyWriteMostlyMembersAreInSync() {
    failFirst();
    hold(1);
    assertWaits(client.submit(0, 4096, 2));
  }

  @Test
  void aCleanStopWaits() {
    hold(1);
    assertAnswered(client.submit(0, 4096, 2));
    AtomicReference<@Nullable DeviceException> stopped = ArrayClient.unanswered();
    mirror.stop(stopped::set);
    assertWaits(stopped);
    letGo(1);
    assertThat(stopped.get()).isNull();
    assertThat(array.devices.get(1).readDurable(DATA, 4096)).containsOnly(2);
  }

  @Test
  void anExchangeOfTheBitmapWaits() {
    waitsForIt(done -> mirror.changeBitmap(BitmapTarget.onMembers(CHUNK), done));
  }

  /** Or resync after a crash might copy from the member that lacks it. */
  @Test
  void makingTheOtherMemberWriteMostlyWaits() {
    waitsForIt(done -> mirror.membership().setWriteMostly("member0", true, done));
  }

  @Test
  void aChangeOfTheSlotsWaits() {
    waitsForIt(done -> mirror.membership().setSlots(3, done));
  }

  private void waitsForIt(Consumer<Completion> change) {
    hold(1);
    assertAnswered(client.submit(0, 4096, 2));
    AtomicReference<@Nullable DeviceException> changed = ArrayClient.unanswered();
    change.accept(changed::set);
    assertWaits(changed);
    letGo(1);
    assertThat(changed.get()).isNull();
  }

  @Test
  void aCrashLeavesItToResync() {
    hold(1);
    assertAnswered(client.submit(4096, 4096, 2));
    TestArray later = array.afterCut(1, false);
    // Where the member was about to write, it has not.
    byte[] old = new byte[4096];
    Arrays.fill(old, (byte) 1);
    later.devices.get(1).writeNow(DATA + 4096, old);
    Mirror again = later.assemble();
    ArrayClient reader = new ArrayClient(later, again);
    assertThat(reader.read(4096, 4096)).as("I4").containsOnly(2);
    assertThat(again.status().sync().copiedBytes()).isPositive();
    assertThat(later.dataOf(1)).isEqualTo(later.dataOf(0));
    assertThat(later.dataOf(1)[5000]).isEqualTo((byte) 2);
  }

  @Test
  void aMemberThatFailsOnItIsOutAndTheOthersAreTold() {
    failLate(1);
    assertAnswered(client.submit(4096, 4096, 2));
    AtomicReference<@Nullable DeviceException> flushed = ArrayClient.unanswered();
    mirror.flush(flushed::set);
    client.settle();
    array.scheduler.advance(2 * SECOND);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.DEGRADED);
    assertThat(mirror.status().members().get(1).writeErrors()).isEqualTo(1);
    assertThat(array.superblock(0).role(1)).as("I3").isEqualTo(0xfffe);
    assertThat(flushed.get()).isNull();
    assertThat(durableBit(0)).as("it lacks that chunk").isTrue();
    assertThat(client.read(4096, 4096)).containsOnly(2);
    assertThat(behind()).isZero();
  }

  /** What the client was told is there is nowhere any more. */
  @Test
  void whenTheLastMemberFailsOnItTheArrayIsBroken() {
    failLate(1);
    assertAnswered(client.submit(4096, 4096, 2));
    failFirst();
    Reading there = new Reading(4096);
    AtomicReference<@Nullable DeviceException> flushed = ArrayClient.unanswered();
    mirror.flush(flushed::set);
    array.scheduler.advance(2 * SECOND);
    assertThat(mirror.status().state()).as("I7").isEqualTo(ArrayStatus.State.BROKEN);
    assertThat(flushed.get()).hasMessageContaining("bytes 4096 to 8192 were acknowledged");
    assertThat(there.value()).as("not what was there before").isEqualTo(Reading.FAILED);
    assertThat(new Reading(4096).value()).isEqualTo(Reading.FAILED);
    assertThat(client.read(8192, 4096)).as("the rest can be saved").containsOnly(1);
    assertThat(client.write(0, 4096, 3)).isNotNull();
  }

  @Test
  void whereItIsLostIsNoHole() {
    int hole = 2 * CHUNK;
    failLate(1);
    assertAnswered(client.submit(hole, 4096, 2));
    failFirst();
    array.scheduler.advance(2 * SECOND);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.BROKEN);
    assertThat(extentsAt(hole + 4096)).containsExactly(new Extent(hole + 4096, 4096, true));
    assertThat(extentsAt(hole)).containsExactly(new Extent(hole, 4096, false));
  }

  @Test
  void aMemberWithoutRoomIsOutToo() {
    array
        .devices
        .get(1)
        .inject(
            SimulatedFault.failingLate(Errno.ENOSPC, SECOND)
                .on(Operation.WRITE)
                .within(DATA, SIZE)
                .once());
    assertAnswered(client.submit(4096, 4096, 2));
    array.scheduler.advance(2 * SECOND);
    assertThat(mirror.status().members().get(1).role()).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.DEGRADED);
  }

  /** It is known to lack room when the client is answered, and not out before all have answered. */
  @Test
  void ofTwoThatLagNeitherIsReadWhereItHasNotWritten() {
    array = new TestArray(4, 3, SIZE, CHUNK);
    array.setWriteBehind(1, LIMIT);
    array.setWriteBehind(2, LIMIT);
    mirror = array.assemble();
    client = new ArrayClient(array, mirror);
    makeActive();
    hold(0);
    hold(2);
    array
        .devices
        .get(1)
        .inject(SimulatedFault.failing(Errno.ENOSPC).on(Operation.WRITE).within(DATA, SIZE).once());
    AtomicReference<@Nullable DeviceException> answer = client.submit(4096, 4096, 2);
    array.scheduler.advance(SECOND);
    letGo(0);
    assertThat(answer.get()).isNull();
    failRead(0, 4096);
    Reading there = new Reading(4096);
    array.scheduler.advance(SECOND);
    assertThat(there.value()).isEqualTo(Reading.NO_ANSWER);
    letGo(2);
    assertThat(there.value()).isEqualTo(2);
    assertThat(mirror.status().members().get(1).role()).isEqualTo(ArrayStatus.Role.FAULTY);
  }

  /** One without room is out only when all have answered, and might be read until then. */
  @Test
  void whenOneOfTheOthersHasTroubleAllAreWaitedFor() {
    array = new TestArray(8, 3, SIZE, CHUNK);
    array.setWriteBehind(2, LIMIT);
    mirror = array.assemble();
    client = new ArrayClient(array, mirror);
    makeActive();
    hold(2);
    array
        .devices
        .getFirst()
        .inject(SimulatedFault.failing(Errno.ENOSPC).on(Operation.WRITE).within(DATA, SIZE).once());
    AtomicReference<@Nullable DeviceException> answer = client.submit(4096, 4096, 2);
    assertWaits(answer);
    letGo(2);
    assertThat(answer.get()).isNull();
    assertThat(mirror.status().members().getFirst().role()).isEqualTo(ArrayStatus.Role.FAULTY);
  }

  @Test
  void aBrokenArrayAnswersNothingEarly() {
    hold(1);
    array
        .devices
        .getFirst()
        .inject(SimulatedFault.slow(SECOND).on(Operation.WRITE).within(DATA, SIZE));
    array.devices.getFirst().inject(SimulatedFault.failing(Errno.EIO).on(Operation.FLUSH).once());
    AtomicReference<@Nullable DeviceException> answer = client.submit(4096, 4096, 2);
    mirror.membership().fail("member1", failure -> {});
    array.scheduler.advance(20 * MILLI);
    mirror.flush(failure -> {});
    array.scheduler.advance(20 * MILLI);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.BROKEN);
    array.scheduler.advance(2 * SECOND);
    letGo(1);
    assertThat(answer.get()).as("I7").hasMessageContaining("is broken");
  }

  /** The member whose place it takes goes when it has everything, what is behind included. */
  @Test
  void oneThatIsToTakeAnothersPlaceDoesNotLag() {
    int size = 16 << 20;
    start(new TestArray(9, 2, size, CHUNK));
    SimulatedDevice fresh =
        new SimulatedDevice(SimulatedDisk.of("fresh", DATA + size), array.scheduler, 99);
    array.devices.add(fresh);
    hold(2, DATA, size);
    mirror.membership().replace("member1", fresh, failure -> {});
    array.scheduler.advance(100 * MILLI);
    AtomicReference<@Nullable DeviceException> marked = ArrayClient.unanswered();
    mirror.membership().setWriteMostly("fresh", true, marked::set);
    assertAnswered(marked);
    AtomicReference<@Nullable DeviceException> answer = client.submit(size - 4096, 4096, 2);
    assertWaits(answer);
    letGo(2);
    assertThat(answer.get()).isNull();
  }

  /** Another request's failure: the client must not hear of this one before it is recorded. */
  @Test
  void aFailureIsRecordedBeforeTheEarlyAnswer() {
    array = new TestArray(6, 3, SIZE, CHUNK);
    array.setWriteBehind(2, LIMIT);
    mirror = array.assemble();
    client = new ArrayClient(array, mirror);
    makeActive();
    hold(2);
    SimulatedFault slow = SimulatedFault.slow(50 * MILLI).on(Operation.WRITE).within(DATA, SIZE);
    array.devices.getFirst().inject(slow);
    boolean[] recorded = new boolean[1];
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.write(
        0,
        ArrayClient.filled(4096, 2),
        0,
        4096,
        false,
        failure -> {
          recorded[0] = array.superblock(0).role(1) == 0xfffe;
          answer.set(failure);
        });
    for (SimulatedDevice device : array.devices) {
      device.inject(SimulatedFault.slow(200 * MILLI).on(Operation.WRITE).within(4096, 512));
    }
    array.scheduler.advance(20 * MILLI);
    mirror.membership().fail("member1", failure -> {});
    array.scheduler.advance(2 * SECOND);
    assertThat(answer.get()).isNull();
    assertThat(behind()).as("it went behind all the same").isEqualTo(1);
    assertThat(recorded[0]).as("I3").isTrue();
  }

  @Test
  void aMemberThatHangsOnItIsGivenUp() {
    hold(1);
    assertAnswered(client.submit(4096, 4096, 2));
    AtomicReference<@Nullable DeviceException> flushed = ArrayClient.unanswered();
    mirror.flush(flushed::set);
    array.scheduler.advance(40 * SECOND);
    assertThat(mirror.status().members().get(1).role()).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(flushed.get()).isNull();
    array.devices.get(1).releaseAbandoned();
    client.settle();
    assertThat(client.read(4096, 4096)).containsOnly(2);
  }

  /** It may write them out at any time, so no other write may be given their place in memory. */
  @Test
  void aMemberThatHangsKeepsTheBytesItWasGiven() {
    array = new TestArray(10, 3, SIZE, CHUNK);
    array.setWriteBehind(1, LIMIT);
    array.setWriteBehind(2, LIMIT);
    mirror = array.assemble();
    client = new ArrayClient(array, mirror);
    makeActive();
    hold(1);
    assertAnswered(client.submit(4096, 4096, 2));
    array.scheduler.advance(40 * SECOND);
    assertThat(mirror.status().members().get(1).role()).isEqualTo(ArrayStatus.Role.FAULTY);
    hold(2);
    assertAnswered(client.submit(4096, 4096, 3));
    array.devices.get(1).releaseAbandoned();
    client.settle();
    assertThat(dataOf(1, 4096)).isEqualTo((byte) 2);
    letGo(2);
    assertThat(dataOf(2, 4096)).isEqualTo((byte) 3);
  }

  /** Takes no data any more, until {@link #letGo}. */
  private void hold(int slot) {
    hold(slot, DATA, SIZE);
  }

  private void hold(int slot, long offset, long length) {
    array
        .devices
        .get(slot)
        .inject(
            SimulatedFault.stuck()
                .on(Operation.WRITE, Operation.WRITE_ZEROES, Operation.DISCARD)
                .within(offset, length));
  }

  private void letGo(int slot) {
    SimulatedDevice device = array.devices.get(slot);
    device.healAll();
    device.release();
    client.settle();
  }

  private void failLate(int slot) {
    array
        .devices
        .get(slot)
        .inject(
            SimulatedFault.failingLate(Errno.EIO, SECOND)
                .on(Operation.WRITE)
                .within(DATA, SIZE)
                .once());
  }

  private void failRead(int slot, long offset) {
    array
        .devices
        .get(slot)
        .inject(SimulatedFault.failing(Errno.EIO).on(Operation.READ).within(DATA + offset, 4096));
  }

  private void failFirst() {
    AtomicReference<@Nullable DeviceException> failed = ArrayClient.unanswered();
    mirror.membership().fail("member0", failed::set);
    array.scheduler.advance(20 * MILLI);
    assertThat(failed.get()).isNull();
  }

  private void assertAnswered(AtomicReference<@Nullable DeviceException> answer) {
    array.scheduler.advance(20 * MILLI);
    assertThat(answer.get()).as("it is answered").isNull();
  }

  private void assertWaits(AtomicReference<@Nullable DeviceException> answer) {
    array.scheduler.advance(SECOND);
    assertThat(answer.get()).as("it waits").hasMessage("no answer");
  }

  private List<Extent> extentsAt(long offset) {
    AtomicReference<List<Extent>> found = new AtomicReference<>(List.of());
    mirror.extents(offset, 4096, (extents, failure) -> found.set(extents));
    array.scheduler.advance(20 * MILLI);
    return found.get();
  }

  private int behind() {
    return mirror.status().members().stream().mapToInt(ArrayStatus.Member::behind).sum();
  }

  private byte dataOf(int slot, long offset) {
    return array.devices.get(slot).readNow(DATA + offset / 512 * 512, 512)[(int) (offset % 512)];
  }

  private boolean durableBit(int slot) {
    return (array.devices.get(slot).readDurable(TestArray.BITMAP_OFFSET_BYTES, 512)[256] & 1) != 0;
  }

  /** A read of 4096 bytes, and what came of it. */
  private final class Reading {
    static final int NO_ANSWER = -1;
    static final int FAILED = -2;

    private final ByteBuf buffer = Unpooled.directBuffer(4096, 4096);
    private int value = NO_ANSWER;

    Reading(long offset) {
      mirror.read(offset, buffer, 0, 4096, failure -> value = failure == null ? same() : FAILED);
    }

    private int same() {
      byte first = buffer.getByte(0);
      for (int i = 0; i < 4096; i++) {
        assertThat(buffer.getByte(i)).isEqualTo(first);
      }
      return first;
    }

    int value() {
      return value;
    }
  }
}
