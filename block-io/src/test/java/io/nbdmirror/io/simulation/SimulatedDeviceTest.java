package io.nbdmirror.io.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SimulatedDeviceTest {
  private static final int SECTOR = 512;

  private SimulatedScheduler scheduler = new SimulatedScheduler(1);
  private SimulatedDevice device = device(Latency.LATER, 1);

  private SimulatedDevice device(Latency latency, long seed) {
    return new SimulatedDevice(
        SimulatedDisk.of("disk", 1L << 30).withLatency(latency), scheduler, seed);
  }

  private static byte[] filled(int length, int value) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static ByteBuf direct(byte[] bytes) {
    return Unpooled.directBuffer(Math.max(1, bytes.length)).writeBytes(bytes);
  }

  private Outcome startWrite(long offset, int length, int value, boolean fua) {
    Outcome outcome = new Outcome();
    device.write(offset, direct(filled(length, value)), 0, length, fua, outcome);
    return outcome;
  }

  private void write(long offset, int length, int value, boolean fua) {
    Outcome outcome = startWrite(offset, length, value, fua);
    scheduler.runUntilIdle();
    assertThat(outcome.succeeded()).isTrue();
  }

  private Outcome flush() {
    Outcome outcome = new Outcome();
    device.flush(outcome);
    scheduler.runUntilIdle();
    return outcome;
  }

  @Test
  void aReadSeesWhatWasWritten() {
    write(4096, 1024, 7, false);
    ByteBuf target = Unpooled.directBuffer(4096).writeZero(4096);
    Outcome outcome = new Outcome();
    device.read(3584, target, 100, 2048, outcome);
    scheduler.runUntilIdle();
    assertThat(outcome.succeeded()).isTrue();
    assertThat(target.getByte(100 + 511)).isZero();
    assertThat(target.getByte(100 + 512)).isEqualTo((byte) 7);
    assertThat(target.getByte(100 + 1535)).isEqualTo((byte) 7);
    assertThat(target.getByte(100 + 1536)).isZero();
    assertThat(target.readerIndex()).isZero();
    assertThat(target.refCnt()).isEqualTo(1);
  }

  @Test
  void requestsCompleteOutOfOrderAndTheSameSeedGivesTheSameOrder() {
    List<DeviceEvent> first = traceOfTwenty(5);
    assertThat(traceOfTwenty(5)).isEqualTo(first);
    assertThat(traceOfTwenty(6)).isNotEqualTo(first);
    List<Long> completions =
        first.stream()
            .filter(event -> event.phase() == DeviceEvent.Phase.COMPLETED)
            .map(DeviceEvent::request)
            .toList();
    assertThat(completions).hasSize(20).isNotEqualTo(completions.stream().sorted().toList());
  }

  private List<DeviceEvent> traceOfTwenty(long seed) {
    scheduler = new SimulatedScheduler(seed);
    device = device(Latency.MIXED, seed);
    for (int index = 0; index < 20; index++) {
      startWrite(index * 4096L, 4096, index, false);
    }
    scheduler.runUntilIdle();
    return device.trace();
  }

  @Test
  void aWriteTakesEffectSometimeBeforeItCompletes() {
    int early = 0;
    for (int index = 0; index < 50; index++) {
      Outcome outcome = startWrite(0, SECTOR, index + 1, false);
      while (!outcome.done()) {
        early += device.readNow(0, SECTOR)[0] == index + 1 ? 1 : 0;
        scheduler.step();
      }
    }
    assertThat(early).isPositive();
    assertThat(device.readNow(0, SECTOR)[0]).isEqualTo((byte) 50);
  }

  @Test
  void anUnflushedWriteSurvivesSomePowerCutsAndTearsInOthers() {
    write(0, 4 * SECTOR, 1, false);
    flush();
    write(0, 4 * SECTOR, 2, false);
    Set<String> outcomes = new HashSet<>();
    for (int seed = 0; seed < 200; seed++) {
      byte[] left =
          device.forkAfterPowerCut(seed, new SimulatedScheduler(seed)).readNow(0, 4 * SECTOR);
      StringBuilder sectors = new StringBuilder();
      for (int sector = 0; sector < 4; sector++) {
        byte first = left[sector * SECTOR];
        assertThat(first).isIn((byte) 1, (byte) 2);
        assertThat(Arrays.copyOfRange(left, sector * SECTOR, (sector + 1) * SECTOR))
            .containsOnly(first);
        sectors.append(first);
      }
      outcomes.add(sectors.toString());
    }
    assertThat(outcomes).contains("1111", "2222").hasSizeGreaterThan(6);
    assertThat(device.readNow(0, SECTOR)).containsOnly(2);
  }

  @Test
  void twoUnflushedWritesMayReachTheMediumInEitherOrder() {
    write(0, SECTOR, 1, false);
    write(SECTOR, SECTOR, 2, false);
    Set<List<Byte>> outcomes = new HashSet<>();
    for (int seed = 0; seed < 200; seed++) {
      byte[] left =
          device.forkAfterPowerCut(seed, new SimulatedScheduler(seed)).readNow(0, 2 * SECTOR);
      outcomes.add(List.of(left[0], left[SECTOR]));
    }
    byte none = 0;
    assertThat(outcomes)
        .containsExactlyInAnyOrder(
            List.of(none, none),
            List.of((byte) 1, none),
            List.of(none, (byte) 2),
            List.of((byte) 1, (byte) 2));
  }

  @Test
  void aFlushKeepsWhatHadCompletedBeforeItAndNothingElse() {
    write(0, SECTOR, 1, false);
    Outcome flush = new Outcome();
    device.flush(flush);
    startWrite(SECTOR, SECTOR, 2, false);
    scheduler.runUntilIdle();
    assertThat(flush.succeeded()).isTrue();
    assertThat(device.readDurable(0, SECTOR)).containsOnly(1);
    assertThat(device.readDurable(SECTOR, SECTOR)).containsOnly(0);
    assertThat(device.hasUnflushedWrites()).isTrue();
  }

  @Test
  void aForcedWriteIsDurableByItselfAndOlderBytesNeverComeBack() {
    write(0, 2 * SECTOR, 1, false);
    write(0, SECTOR, 2, true);
    assertThat(device.readDurable(0, SECTOR)).containsOnly(2);
    assertThat(device.readDurable(SECTOR, SECTOR)).containsOnly(0);
    for (int seed = 0; seed < 100; seed++) {
      assertThat(device.forkAfterPowerCut(seed, new SimulatedScheduler(seed)).readNow(0, SECTOR))
          .containsOnly(2);
    }
  }

  @Test
  void nothingInFlightCompletesAfterAPowerCut() {
    Outcome outcome = startWrite(0, SECTOR, 1, false);
    device.powerCut();
    Outcome later = startWrite(0, SECTOR, 1, false);
    scheduler.runUntilIdle();
    assertThat(outcome.done()).isFalse();
    assertThat(later.done()).isFalse();
    assertThat(scheduler.waiting()).isZero();
    device = device.reopen(new SimulatedScheduler(3));
    assertThat(device.readNow(0, SECTOR)).isEqualTo(device.readDurable(0, SECTOR));
  }

  @Test
  void aWriteInFlightMaySurviveAPowerCutToo() {
    startWrite(0, SECTOR, 1, false);
    Set<Byte> outcomes = new HashSet<>();
    for (int seed = 0; seed < 50; seed++) {
      outcomes.add(
          device.forkAfterPowerCut(seed, new SimulatedScheduler(seed)).readNow(0, SECTOR)[0]);
    }
    assertThat(outcomes).containsExactlyInAnyOrder((byte) 0, (byte) 1);
  }

  @Test
  void aProcessKillKeepsTheCacheWhichALaterFlushMakesDurable() {
    write(0, SECTOR, 1, false);
    device.processKill();
    scheduler = new SimulatedScheduler(9);
    device = device.reopen(scheduler);
    assertThat(device.readNow(0, SECTOR)).containsOnly(1);
    assertThat(device.readDurable(0, SECTOR)).containsOnly(0);
    assertThat(flush().succeeded()).isTrue();
    assertThat(device.readDurable(0, SECTOR)).containsOnly(1);
  }

  @Test
  void aProcessKillDropsOrAppliesWhatWasInFlight() {
    startWrite(0, SECTOR, 1, false);
    Set<Byte> outcomes = new HashSet<>();
    for (int seed = 0; seed < 50; seed++) {
      outcomes.add(
          device.forkAfterProcessKill(seed, new SimulatedScheduler(seed)).readNow(0, SECTOR)[0]);
    }
    assertThat(outcomes).containsExactlyInAnyOrder((byte) 0, (byte) 1);
  }

  @Test
  void aForkGoesItsOwnWay() {
    write(0, SECTOR, 1, true);
    SimulatedDevice fork = device.forkAfterPowerCut(1, scheduler);
    write(0, SECTOR, 2, true);
    assertThat(fork.readNow(0, SECTOR)).containsOnly(1);
    Outcome outcome = new Outcome();
    fork.write(0, direct(filled(SECTOR, 3)), 0, SECTOR, true, outcome);
    scheduler.runUntilIdle();
    assertThat(outcome.succeeded()).isTrue();
    assertThat(device.readDurable(0, SECTOR)).containsOnly(2);
  }

  @Test
  void aRunCanBeCutAtEveryEvent() {
    List<SimulatedDevice> cuts = new ArrayList<>();
    device.listen((at, event) -> cuts.add(at.forkAfterPowerCut(cuts.size(), scheduler)));
    write(0, SECTOR, 1, false);
    assertThat(flush().succeeded()).isTrue();
    assertThat(cuts).hasSize(4).hasSameSizeAs(device.trace());
    assertThat(cuts.get(3).readNow(0, SECTOR)).containsOnly(1);
  }

  @Test
  void aFaultHitsTheRequestsItNamesAsOftenAsItSays() {
    SimulatedFault fault =
        SimulatedFault.failing(Errno.ENOSPC).on(Operation.WRITE).within(4096, 512).after(1).once();
    device.inject(fault);
    assertThat(writeOutcome(0)).isZero();
    assertThat(writeOutcome(4096)).isZero();
    assertThat(writeOutcome(4096)).isEqualTo(Errno.ENOSPC);
    assertThat(writeOutcome(4096)).isZero();
    assertThat(fault.hits()).isEqualTo(1);
  }

  private int writeOutcome(long offset) {
    Outcome outcome = startWrite(offset, SECTOR, 1, false);
    scheduler.runUntilIdle();
    assertThat(outcome.done()).isTrue();
    return outcome.errno();
  }

  @Test
  void aLastingFaultEndsWhenHealed() {
    SimulatedFault fault = SimulatedFault.failing(Errno.EIO).on(Operation.WRITE);
    device.inject(fault);
    assertThat(writeOutcome(0)).isEqualTo(Errno.EIO);
    assertThat(writeOutcome(0)).isEqualTo(Errno.EIO);
    assertThat(device.readNow(0, SECTOR)).containsOnly(0);
    device.heal(fault);
    assertThat(writeOutcome(0)).isZero();
  }

  @Test
  void aShortWriteChangesSomeSectorsAndFails() {
    device.inject(SimulatedFault.shortWrites().once());
    Outcome outcome = startWrite(0, 64 * SECTOR, 1, false);
    scheduler.runUntilIdle();
    assertThat(outcome.errno()).isEqualTo(Errno.EIO);
    assertThat(device.readNow(0, 64 * SECTOR)).contains(0, 1);
  }

  @Test
  void aSlowRequestIsOvertakenAndAStuckOneWaitsForItsRelease() {
    device.inject(SimulatedFault.slow(1_000_000_000).on(Operation.WRITE).once());
    device.inject(SimulatedFault.stuck().on(Operation.WRITE).once());
    Outcome slow = startWrite(0, SECTOR, 1, false);
    Outcome stuck = startWrite(SECTOR, SECTOR, 2, false);
    Outcome quick = startWrite(2 * SECTOR, SECTOR, 3, false);
    scheduler.advance(500_000_000);
    assertThat(List.of(slow.done(), stuck.done(), quick.done()))
        .containsExactly(false, false, true);
    scheduler.runUntilIdle();
    assertThat(slow.succeeded()).isTrue();
    assertThat(stuck.done()).isFalse();
    device.release();
    scheduler.runUntilIdle();
    assertThat(stuck.succeeded()).isTrue();
  }

  @Test
  void aFailedFlushDropsWhatItShouldHaveKept() {
    device.inject(SimulatedFault.failing(Errno.EIO).on(Operation.FLUSH).once());
    write(0, SECTOR, 1, false);
    assertThat(flush().errno()).isEqualTo(Errno.EIO);
    assertThat(flush().succeeded()).isTrue();
    assertThat(device.readNow(0, SECTOR)).containsOnly(1);
    device.powerCut();
    assertThat(device.readNow(0, SECTOR)).containsOnly(0);
  }

  @Test
  void aDeviceThatIsGoneFailsEverythingAndComesBackWithItsContents() {
    write(0, SECTOR, 1, false);
    Outcome caught = startWrite(0, SECTOR, 2, false);
    device.disappear();
    scheduler.runUntilIdle();
    assertThat(caught.errno()).isEqualTo(Errno.EIO);
    assertThat(writeOutcome(0)).isEqualTo(Errno.EIO);
    assertThat(flush().errno()).isEqualTo(Errno.EIO);
    device.comeBack();
    assertThat(device.readNow(0, SECTOR)).containsOnly(1);
    assertThat(writeOutcome(0)).isZero();
  }

  @Test
  void extentsTellHolesFromData() {
    write(1 << 20, 4096, 1, false);
    write((1 << 20) + 4096, 4096, 0, false);
    Outcome outcome = new Outcome();
    device.discard(1 << 20, 512, false, outcome);
    Outcome zeroes = new Outcome();
    device.writeZeroes(0, 512, false, false, zeroes);
    scheduler.runUntilIdle();
    assertThat(outcome.succeeded()).isTrue();
    assertThat(zeroes.succeeded()).isTrue();
    Outcome listed = new Outcome();
    device.extents(0, 1L << 30, listed);
    scheduler.runUntilIdle();
    assertThat(listed.extents())
        .containsExactly(
            new Extent(0, 512, false),
            new Extent(512, (1 << 20), true),
            new Extent((1 << 20) + 512, 7680, false),
            new Extent((1 << 20) + 8192, (1L << 30) - (1 << 20) - 8192, true));
  }

  @Test
  void aDiscardLeavesZeroesWhetherOrNotItGivesBlocksBack() {
    for (boolean discards : new boolean[] {true, false}) {
      SimulatedDisk disk = SimulatedDisk.of("disk", 1 << 20).withLatency(Latency.LATER);
      device = new SimulatedDevice(discards ? disk : disk.withoutDiscard(), scheduler, 1);
      assertThat(device.discards()).isEqualTo(discards);
      write(0, 4096, 1, true);
      Outcome outcome = new Outcome();
      device.discard(0, 4096, true, outcome);
      scheduler.runUntilIdle();
      assertThat(outcome.succeeded()).isTrue();
      assertThat(device.readDurable(0, 4096)).containsOnly(0);
      Outcome listed = new Outcome();
      device.extents(0, 4096, listed);
      scheduler.runUntilIdle();
      assertThat(listed.extents()).containsExactly(new Extent(0, 4096, discards));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {-512, 1, 100, (1L << 30) - 511, 1L << 30, Long.MAX_VALUE - 511})
  void aRequestOffTheDeviceOrItsBlocksIsTheCallersError(long offset) {
    assertThatThrownBy(() -> startWrite(offset, SECTOR, 1, false))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(device.inFlight()).isZero();
  }

  @Test
  void aBufferChangedInFlightIsFound() {
    ByteBuf source = direct(filled(SECTOR, 1));
    device.write(0, source, 0, SECTOR, false, new Outcome());
    source.setByte(5, 9);
    assertThatThrownBy(scheduler::runUntilIdle).isInstanceOf(AssertionError.class);
  }

  @Test
  void closingWithARequestInFlightIsFound() {
    startWrite(0, SECTOR, 1, false);
    assertThatThrownBy(device::close).isInstanceOf(AssertionError.class);
  }

  @Test
  void aClosedDeviceTakesNoRequest() {
    device.close();
    assertThatThrownBy(() -> startWrite(0, SECTOR, 1, false)).isInstanceOf(AssertionError.class);
  }

  @ParameterizedTest
  @EnumSource(Operation.class)
  void everyRequestCompletesOnceInlineAndLater(Operation operation) {
    for (Latency latency : List.of(Latency.INLINE, Latency.LATER, Latency.MIXED)) {
      device = device(latency, 4);
      Outcome outcome = new Outcome();
      ByteBuf buffer = direct(filled(SECTOR, 1));
      switch (operation) {
        case READ -> device.read(0, buffer, 0, SECTOR, outcome);
        case WRITE -> device.write(0, buffer, 0, SECTOR, true, outcome);
        case FLUSH -> device.flush(outcome);
        case WRITE_ZEROES -> device.writeZeroes(0, SECTOR, true, true, outcome);
        case DISCARD -> device.discard(0, SECTOR, true, outcome);
        case EXTENTS -> device.extents(0, SECTOR, outcome);
      }
      if (latency.equals(Latency.INLINE)) {
        assertThat(outcome.done()).isTrue();
      }
      scheduler.runUntilIdle();
      assertThat(outcome.succeeded()).isTrue();
    }
  }

  /** A model that is checked against the device: random writes, flushes and cuts. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void everySectorAfterAPowerCutIsTheFlushedVersionOrANewerOne(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    device = device(Latency.MIXED, seed);
    int[] flushed = new int[16];
    int[] written = new int[16];
    for (int version = 1; version < 100; version++) {
      int sector = random.nextInt(16);
      boolean fua = random.nextInt(5) == 0;
      write(sector * (long) SECTOR, SECTOR, version, fua);
      written[sector] = version;
      if (fua) {
        flushed[sector] = version;
      }
      if (random.nextInt(10) == 0) {
        assertThat(flush().succeeded()).isTrue();
        flushed = written.clone();
      }
      SimulatedDevice cut = device.forkAfterPowerCut(random.nextLong(), scheduler);
      for (int index = 0; index < 16; index++) {
        assertThat((int) cut.readNow(index * (long) SECTOR, SECTOR)[0])
            .isBetween(flushed[index], written[index]);
      }
    }
  }
}
