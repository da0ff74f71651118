package io.nbdmirror.raid.member;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A device that one can walk away from. */
class GuardedDeviceTest {
  private final SimulatedScheduler scheduler = new SimulatedScheduler(1);
  private final SimulatedDevice disk =
      new SimulatedDevice(SimulatedDisk.of("disk", 1 << 20), scheduler, 1);
  private final GuardedDevice device = new GuardedDevice(disk);
  private final ByteBuf buffer = Unpooled.directBuffer(4096, 4096).writeZero(4096);
  private final DeviceException hangs = new DeviceException(Errno.ETIMEDOUT, "it hangs");
  private final List<@Nullable DeviceException> answers = new ArrayList<>();

  @Test
  void whatTheDeviceAnswersInTimeIsPassedOn() {
    buffer.setByte(7, 42);
    device.write(0, buffer, 0, 4096, false, answers::add);
    scheduler.runUntilIdle();
    buffer.setByte(7, 0);
    device.read(0, buffer, 0, 4096, answers::add);
    device.extents(0, 4096, (extents, failure) -> answers.add(failure));
    device.flush(answers::add);
    scheduler.runUntilIdle();
    assertThat(answers).containsExactly(null, null, null, null);
    assertThat(buffer.getByte(7)).isEqualTo((byte) 42);
    assertThat(device.hasAbandonedIo()).isFalse();
  }

  @Test
  void theAgeOfTheOldestRequestIsToldInTicks() {
    assertThat(device.oldestTicks()).isZero();
    disk.inject(SimulatedFault.stuck().once());
    device.flush(answers::add);
    device.tick();
    device.read(0, buffer, 0, 4096, answers::add);
    device.tick();
    assertThat(device.oldestTicks()).isEqualTo(2);
    scheduler.runUntilIdle();
    assertThat(device.oldestTicks()).as("the read ended, the flush is the oldest").isEqualTo(2);
    disk.release();
    scheduler.runUntilIdle();
    assertThat(device.oldestTicks()).isZero();
  }

  @Test
  void abandonedRequestsAreAnsweredAtOnceAndOnlyOnce() {
    disk.inject(SimulatedFault.stuck());
    device.write(0, buffer, 0, 4096, true, answers::add);
    device.read(4096, Unpooled.directBuffer(512, 512), 0, 512, answers::add);
    device.writeZeroes(0, 4096, true, false, answers::add);
    device.discard(0, 4096, false, answers::add);
    device.extents(0, 4096, (extents, failure) -> answers.add(failure));
    device.flush(answers::add);
    device.abandon(hangs);
    assertThat(answers).hasSize(6).containsOnly(hangs);
    disk.releaseAbandoned();
    scheduler.runUntilIdle();
    assertThat(answers).hasSize(6);
    assertThat(device.hasAbandonedIo()).isFalse();
  }

  @Test
  void theBufferOfAnAbandonedRequestIsPinnedUntilItComesBack() {
    disk.inject(SimulatedFault.stuck());
    device.read(0, buffer, 0, 4096, answers::add);
    device.abandon(hangs);
    buffer.release();
    assertThat(buffer.refCnt()).as("its owner let go, the device has it").isEqualTo(1);
    disk.releaseAbandoned();
    scheduler.runUntilIdle();
    assertThat(buffer.refCnt()).isZero();
  }

  @Test
  void aDeviceThatHoldsAbandonedRequestsTakesNoOthers() {
    SimulatedFault fault = SimulatedFault.stuck();
    disk.inject(fault);
    device.flush(answers::add);
    device.abandon(hangs);
    disk.heal(fault);
    answers.clear();
    device.write(0, buffer, 0, 4096, false, answers::add);
    device.extents(0, 4096, (extents, failure) -> answers.add(failure));
    assertThat(answers).hasSize(2).allMatch(failure -> failure.errno() == Errno.ETIMEDOUT);
    assertThat(disk.inFlight()).as("only the one that hangs").isEqualTo(1);
    disk.releaseAbandoned();
    scheduler.runUntilIdle();
    answers.clear();
    device.write(0, buffer, 0, 4096, false, answers::add);
    scheduler.runUntilIdle();
    assertThat(answers).containsExactly((DeviceException) null);
  }

  @Test
  void closingWaitsForWhatWasAbandoned() {
    SimulatedFault fault = SimulatedFault.stuck();
    disk.inject(fault);
    device.flush(answers::add);
    device.abandon(hangs);
    // The simulated disk fails the test when it is closed with requests in flight.
    device.close();
    disk.heal(fault);
    disk.releaseAbandoned();
    scheduler.runUntilIdle();
    assertThat(disk.inFlight()).isZero();
    assertThat(disk.reopen(scheduler)).as("can be reopened: it is closed").isNotNull();
  }

  @Test
  void aTimeOutOfTheDevicesOwnIsAnOrdinaryError() {
    disk.inject(SimulatedFault.failing(Errno.ETIMEDOUT).on(Operation.READ));
    device.read(0, buffer, 0, 4096, answers::add);
    scheduler.runUntilIdle();
    assertThat(answers).singleElement().matches(failure -> failure.errno() == Errno.EIO);
    assertThat(device.hasAbandonedIo()).isFalse();
  }
}
