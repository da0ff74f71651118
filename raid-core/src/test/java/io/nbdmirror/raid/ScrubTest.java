package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.event.ArrayEvent;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.status.ArrayStatus.Mismatch;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Check and repair: what they find, what they write, and what comes in between. */
class ScrubTest {
  private static final int SIZE = 8 << 20;
  private static final int CHUNK = 64 << 10;
  private static final int WINDOW = 1 << 20;
  private static final long SECOND = 1_000_000_000L;

  private final TestArray array = new TestArray(11, 2, SIZE, CHUNK);
  private final Mirror mirror = started(array);
  private final ArrayClient client = new ArrayClient(array, mirror);
  private final List<ArrayEvent> events = new ArrayList<>();
  private final SimulatedFault slowReads = slowReads(10);

  ScrubTest() {
    mirror.onEvent(events::add);
    for (int slot = 0; slot < 2; slot++) {
      put(array, slot, 0, SIZE, 'P');
    }
  }

  @Test
  void aCheckListsToTheBlockWhereMembersDifferAndWritesNothing() {
    long eventsBefore = array.superblock(0).events();
    put(array, 1, 512, 512, 'x');
    put(array, 1, WINDOW - 1024, 2048, 'x');
    put(array, 0, SIZE - 512, 512, 'x');
    int changes = changes(array);
    assertThat(await(mirror::check)).isNull();
    array.scheduler.advance(SECOND);
    assertThat(mirror.status().mismatches())
        .containsExactly(
            new Mismatch(512, 512),
            new Mismatch(WINDOW - 1024, 2048),
            new Mismatch(SIZE - 512, 512));
    assertThat(mirror.status().mismatchBytes()).isEqualTo(512 + 2048 + 512);
    assertThat(changes(array)).isEqualTo(changes);
    assertThat(array.superblock(0).events()).isEqualTo(eventsBefore);
    assertThat(words()).containsSubsequence("RebuildStarted", "MismatchesFound", "RebuildFinished");
    assertThat(events.getLast().detail()).isEqualTo("check done, members differ in 3072 bytes");
  }

  @Test
  void oneByteThatDiffersIsABlock() {
    byte[] block = new byte[512];
    Arrays.fill(block, (byte) 'P');
    block[511] = 'x';
    array.devices.get(1).writeNow(TestArray.DATA_OFFSET_BYTES + 5 * 512, block);
    check();
    assertThat(mirror.status().mismatches()).containsExactly(new Mismatch(5 * 512, 512));
  }

  @Test
  void aCheckThatFindsNothingSaysSoAndForgetsWhatTheLastOneFound() {
    put(array, 1, 0, 512, 'x');
    check();
    put(array, 1, 0, 512, 'P');
    check();
    assertThat(mirror.status().mismatches()).isEmpty();
    assertThat(mirror.status().mismatchBytes()).isZero();
    assertThat(events.getLast().detail()).isEqualTo("check done, no mismatches found");
  }

  @Test
  void aHoleIsComparedAsZeroesAndHolesOnAllMembersAreNotRead() {
    TestArray sparse = new TestArray(12, 2, SIZE, CHUNK);
    Mirror other = started(sparse);
    put(sparse, 0, 2 * WINDOW, 4096, 0);
    put(sparse, 1, 5 * WINDOW, 4096, 'x');
    other.check(failure -> assertThat(failure).isNull());
    sparse.scheduler.advance(SECOND);
    assertThat(other.status().mismatches()).containsExactly(new Mismatch(5L * WINDOW, 4096));
    assertThat(sparse.devices.getFirst().trace())
        .filteredOn(event -> event.is(DeviceEvent.Phase.SUBMITTED, Operation.READ))
        .filteredOn(event -> event.offsetBytes() >= TestArray.DATA_OFFSET_BYTES)
        .extracting(event -> event.offsetBytes() - TestArray.DATA_OFFSET_BYTES)
        .containsExactlyInAnyOrder(2L * WINDOW, 5L * WINDOW);
  }

  @Test
  void aRepairMakesTheOthersLikeTheLowestSlot() {
    put(array, 1, 3 * CHUNK + 512, 1024, 'x');
    put(array, 0, 40 * CHUNK, 512, 'y');
    check();
    repair(null);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0));
    assertThat(client.read(40 * CHUNK, 512)).containsOnly('y');
    assertThat(mirror.status().sync().copiedBytes()).as("no more than differed").isEqualTo(1536);
    assertThat(mirror.status().mismatches()).as("what was repaired").isEmpty();
    assertThat(events.getLast().detail()).isEqualTo("repair done, 1536 bytes written");
    array.scheduler.advance(30 * SECOND);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
  }

  @Test
  void aRepairTakesTheMemberThatTheOperatorChose() {
    put(array, 0, 3 * CHUNK, 1024, 'x');
    repair("member1");
    assertThat(array.dataOf(0)).containsOnly('P');
  }

  @Test
  void ofThreeMembersTheTwoOthersAreRepairedEachWhereItDiffers() {
    TestArray three = new TestArray(13, 3, SIZE, CHUNK);
    for (int slot = 0; slot < 3; slot++) {
      put(three, slot, 0, WINDOW, 'P');
    }
    put(three, 0, 512, 512, 'a');
    put(three, 2, 4096, 512, 'c');
    Mirror other = started(three);
    other.repair("member1", failure -> assertThat(failure).isNull());
    three.scheduler.advance(SECOND);
    assertThat(three.dataOf(0)).isEqualTo(three.dataOf(1)).isEqualTo(three.dataOf(2));
    assertThat(other.status().sync().copiedBytes()).isEqualTo(1024);
  }

  /** I1, I8: as of every write, the bit and the mark come first. */
  @Test
  void aRepairWritesUnderADurableBitOfAnActiveArray() {
    put(array, 1, 3 * CHUNK, 1024, 'x');
    List<Boolean> seen = new ArrayList<>();
    for (SimulatedDevice device : array.devices) {
      device.listen((writing, event) -> {
        if (event.phase() == DeviceEvent.Phase.SUBMITTED
            && event.operation().changes()
            && event.offsetBytes() >= TestArray.DATA_OFFSET_BYTES) {
          for (SimulatedDevice copy : array.devices) {
            seen.add((copy.readDurable(TestArray.BITMAP_OFFSET_BYTES, 512)[256] & 1 << 3) != 0);
          }
          seen.add(array.superblock(0).resyncOffset() == 0);
        }
      });
    }
    repair(null);
    assertThat(seen).as("I1, I1, I8").containsExactly(true, true, true);
  }

  @Test
  void whatWasRepairedIsDurableWhenItIsSaidToBeDone() {
    put(array, 1, 3 * CHUNK, 1024, 'x');
    byte[][] durable = new byte[1][];
    mirror.onEvent(event -> {
      if (event.kind() == ArrayEvent.Kind.REBUILD_FINISHED) {
        durable[0] =
            array.devices.get(1).readDurable(TestArray.DATA_OFFSET_BYTES + 3 * CHUNK, 1024);
      }
    });
    repair(null);
    assertThat(durable[0]).as("I13").containsOnly('P');
  }

  @Test
  void writesDuringARepairWin() {
    put(array, 1, 0, SIZE, 'x');
    mirror.repair(null, failure -> assertThat(failure).isNull());
    int number = 0;
    while (mirror.status().sync().action() == SyncAction.REPAIR || number == 0) {
      client.submit(number * 7919L * 512 % (SIZE - 4096), 4096, 'w');
      array.scheduler.advance(500_000);
      number++;
    }
    array.scheduler.advance(SECOND);
    assertThat(number).isGreaterThan(20);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0)).contains('w').doesNotContain('x');
  }

  @Test
  void aCheckDoesNotKeepAnArrayFromBeingClean() {
    client.write(0, 4096, 'P');
    array.devices.get(1).inject(slowReads(25));
    assertThat(await(mirror::check)).isNull();
    array.scheduler.advance(30 * SECOND);
    assertThat(mirror.status().sync().action()).isEqualTo(SyncAction.CHECK);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
  }

  @Test
  void aStoppedCheckGoesOnWhereItStopped() {
    put(array, 1, 0, 512, 'x');
    put(array, 1, SIZE - 512, 512, 'x');
    stopHalfWay();
    assertThat(mirror.status().mismatches()).containsExactly(new Mismatch(0, 512));
    int reads = reads(array);
    check();
    assertThat(reads(array) - reads).as("reads of the rest alone").isEqualTo(4);
    assertThat(mirror.status().mismatches())
        .containsExactly(new Mismatch(0, 512), new Mismatch(SIZE - 512, 512));
    assertThat(mirror.status().mismatchBytes()).isEqualTo(1024);
    int afterTheEnd = reads(array);
    check();
    assertThat(reads(array) - afterTheEnd).as("after the end it begins anew").isEqualTo(8);
  }

  @Test
  void aRepairAfterAStoppedCheckBeginsAtTheStart() {
    put(array, 1, 0, 512, 'x');
    stopHalfWay();
    repair(null);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0));
  }

  @Test
  void aCheckGivesWayToARecoveryAndGoesOnAfterwards() {
    SimulatedDevice third =
        new SimulatedDevice(
            SimulatedDisk.of("third", TestArray.DATA_OFFSET_BYTES + SIZE), array.scheduler, 3);
    assertThat(await(done -> mirror.membership().add(third, done))).isNull();
    startSlowCheck();
    array.scheduler.advance(12 * SECOND);
    mirror.membership().setSlots(3, failure -> assertThat(failure).isNull());
    array.scheduler.advance(12 * SECOND);
    array.devices.get(1).heal(slowReads);
    array.scheduler.advance(SECOND);
    assertThat(words())
        .containsSubsequence(
            "RebuildStarted",
            "RebuildFinished",
            "RebuildStarted",
            "SpareActive",
            "RebuildFinished");
    assertThat(mirror.status().members()).allMatch(m -> m.role() == ArrayStatus.Role.IN_SYNC);
    int reads = reads(array);
    check();
    assertThat(reads(array) - reads).as("it goes on where it gave way").isLessThan(8);
  }

  @Test
  void aMemberThatCannotBeReadIsOutAndEndsTheCheckOfTwo() {
    array.devices.get(1).inject(unreadable());
    check();
    assertThat(mirror.status().sync().action()).isEqualTo(SyncAction.IDLE);
    assertThat(events.getLast().detail()).startsWith("check ended early");
    assertThat(mirror.status().mismatches()).isEmpty();
    assertThat(mirror.status().members().getFirst().role()).isEqualTo(ArrayStatus.Role.IN_SYNC);
    assertThat(client.read(0, 4096)).containsOnly('P');
  }

  @Test
  void ofThreeMembersTheRestIsComparedWhenOneCannotBeRead() {
    TestArray three = new TestArray(14, 3, SIZE, CHUNK);
    Mirror other = started(three);
    put(three, 2, 4096, 512, 'c');
    three.devices.getFirst().inject(unreadable());
    other.check(failure -> assertThat(failure).isNull());
    three.scheduler.advance(SECOND);
    assertThat(other.status().members().getFirst().role()).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(other.status().mismatches()).containsExactly(new Mismatch(4096, 512));
  }

  @Test
  void aMemberThatHangsIsWalkedAwayFrom() {
    mirror.setMemberTimeoutNanos(5 * SECOND);
    array
        .devices
        .get(1)
        .inject(
            SimulatedFault.stuck().on(Operation.READ).within(TestArray.DATA_OFFSET_BYTES, SIZE));
    assertThat(await(mirror::check)).isNull();
    array.scheduler.advance(20 * SECOND);
    assertThat(mirror.status().members().get(1).role()).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(mirror.status().sync().action()).isEqualTo(SyncAction.IDLE);
    array.devices.get(1).release();
    array.scheduler.advance(SECOND);
    assertThat(client.write(0, 4096, 'w')).isNull();
  }

  @Test
  void aMemberThatFailsUnderARepairKeepsItsBits() {
    put(array, 1, 3 * CHUNK, 1024, 'x');
    array
        .devices
        .get(1)
        .inject(
            SimulatedFault.shortWrites()
                .on(Operation.WRITE)
                .within(TestArray.DATA_OFFSET_BYTES, SIZE));
    repair(null);
    array.scheduler.advance(30 * SECOND);
    assertThat(mirror.status().members().get(1).role()).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(TestArray.bit(array.devices.getFirst(), 3)).as("to be copied on re-add").isTrue();
    assertThat(client.read(3 * CHUNK, 1024)).containsOnly('P');
  }

  @Test
  void aRepairFromAMemberThatFailsIsNotGoneOnWithFromAnother() {
    TestArray three = new TestArray(15, 3, SIZE, CHUNK);
    Mirror other = started(three);
    put(three, 0, 4096, 512, 'a');
    put(three, 2, 4096, 512, 'c');
    three.devices.get(2).inject(unreadable());
    other.repair("member2", failure -> assertThat(failure).isNull());
    three.scheduler.advance(SECOND);
    assertThat(other.status().members().get(2).role()).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(other.status().sync().copiedBytes()).isZero();
    assertThat(other.status().sync().action()).isEqualTo(SyncAction.IDLE);
  }

  @Test
  void membersOfUnlikeBlocksAreRepairedInTheCoarserOnes() {
    TestArray mixed =
        new TestArray(
            16,
            2,
            SIZE,
            CHUNK,
            disk -> disk.path().equals("member1") ? disk.withBlockBytes(4096) : disk);
    Mirror other = started(mixed);
    put(mixed, 0, 0, WINDOW, 'P');
    put(mixed, 1, 0, WINDOW, 'P');
    put(mixed, 1, 4096 + 1024, 512, 'x');
    other.check(failure -> assertThat(failure).isNull());
    mixed.scheduler.advance(SECOND);
    assertThat(other.status().mismatches()).containsExactly(new Mismatch(4096 + 1024, 512));
    other.repair(null, failure -> assertThat(failure).isNull());
    mixed.scheduler.advance(SECOND);
    assertThat(mixed.dataOf(1)).isEqualTo(mixed.dataOf(0));
    assertThat(other.status().sync().copiedBytes()).isEqualTo(4096);
  }

  @Test
  void theArrayStopsCleanlyInTheMiddleOfACheck() {
    client.write(0, 4096, 'P');
    startSlowCheck();
    List<@Nullable DeviceException> answers = new ArrayList<>();
    mirror.stop(answers::add);
    array.scheduler.advance(30 * SECOND);
    assertThat(answers).containsExactly((DeviceException) null);
    assertThat(array.superblock(0).resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
  }

  @Test
  void theBitmapIsNotExchangedMeanwhileAndNoSecondOneBegins() {
    startSlowCheck();
    assertThat(mirror.bitmapChangeRefusal()).contains("in the middle of a check");
    assertThat(await(mirror::check)).hasMessageContaining("in the middle of a check");
    assertThat(await(done -> mirror.repair(null, done)))
        .hasMessageContaining("in the middle of a check");
  }

  @Test
  void whatMakesNoSenseIsRefusedWithASentence() {
    assertThat(await(done -> mirror.repair("nobody", done)))
        .hasMessageContaining("nobody is no member of array test");
    assertThat(await(done -> mirror.membership().fail("member1", done))).isNull();
    assertThat(await(mirror::check)).hasMessageContaining("fewer than two members in sync");
    assertThat(await(done -> mirror.repair("member1", done)))
        .hasMessageContaining("member1 is not in sync");
    assertThat(await(mirror::idle)).as("nothing runs").isNull();
    assertThat(await(mirror::stop)).isNull();
    assertThat(await(mirror::check)).hasMessageContaining("is being stopped");
  }

  @Test
  void aRecoveryIsNotStoppedByIdle() {
    await(done -> mirror.membership().fail("member1", done));
    await(done -> mirror.membership().remove("member1", done));
    SimulatedDevice fresh =
        new SimulatedDevice(
            SimulatedDisk.of("fresh", TestArray.DATA_OFFSET_BYTES + SIZE), array.scheduler, 3);
    fresh.inject(
        SimulatedFault.slow(SECOND).on(Operation.WRITE).within(TestArray.DATA_OFFSET_BYTES, SIZE));
    assertThat(await(done -> mirror.membership().add(fresh, done))).isNull();
    assertThat(await(mirror::idle)).hasMessageContaining("goes on by itself");
    assertThat(await(mirror::check)).hasMessageContaining("in the middle of a recovery");
    array.scheduler.advance(30 * SECOND);
    assertThat(mirror.status().members().get(1).role()).isEqualTo(ArrayStatus.Role.IN_SYNC);
  }

  private static Mirror started(TestArray of) {
    Mirror assembled = of.assemble();
    of.scheduler.runUntilIdle();
    return assembled;
  }

  /** Stopped when the first four windows, half the array, are done. */
  private void stopHalfWay() {
    startSlowCheck();
    assertThat(mirror.status().sync().action()).isEqualTo(SyncAction.CHECK);
    List<@Nullable DeviceException> answers = new ArrayList<>();
    mirror.idle(answers::add);
    assertThat(answers).as("until what is under way has ended").isEmpty();
    array.scheduler.advance(11 * SECOND);
    assertThat(answers).containsExactly((DeviceException) null);
    assertThat(mirror.status().sync().action()).isEqualTo(SyncAction.IDLE);
    array.devices.get(1).heal(slowReads);
  }

  private void startSlowCheck() {
    array.devices.get(1).inject(slowReads);
    assertThat(await(mirror::check)).isNull();
  }

  private static SimulatedFault slowReads(int seconds) {
    return SimulatedFault.slow(seconds * SECOND)
        .on(Operation.READ)
        .within(TestArray.DATA_OFFSET_BYTES, SIZE);
  }

  private static SimulatedFault unreadable() {
    return SimulatedFault.failing(Errno.EIO)
        .on(Operation.READ)
        .within(TestArray.DATA_OFFSET_BYTES, SIZE);
  }

  private void check() {
    assertThat(await(mirror::check)).isNull();
    array.scheduler.advance(SECOND);
  }

  private void repair(@Nullable String from) {
    assertThat(await(done -> mirror.repair(from, done))).isNull();
    array.scheduler.advance(SECOND);
  }

  private @Nullable DeviceException await(Consumer<Completion> request) {
    List<@Nullable DeviceException> answers = new ArrayList<>();
    request.accept(answers::add);
    array.scheduler.advance(SECOND / 10);
    assertThat(answers).hasSize(1);
    return answers.getFirst();
  }

  private List<String> words() {
    return events.stream().map(event -> event.kind().word()).toList();
  }

  private static int changes(TestArray of) {
    return (int)
        of.devices.stream()
            .flatMap(device -> device.trace().stream())
            .filter(event -> event.operation().changes())
            .count();
  }

  /** Windows read from the first member. */
  private static int reads(TestArray of) {
    return (int)
        of.devices.getFirst().trace().stream()
            .filter(event -> event.is(DeviceEvent.Phase.SUBMITTED, Operation.READ))
            .filter(event -> event.offsetBytes() >= TestArray.DATA_OFFSET_BYTES)
            .count();
  }

  private static void put(TestArray into, int slot, long offset, int length, int value) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    into.devices.get(slot).writeNow(TestArray.DATA_OFFSET_BYTES + offset, bytes);
  }
}
