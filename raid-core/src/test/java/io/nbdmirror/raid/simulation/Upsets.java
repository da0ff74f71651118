package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.simulation.Coverage.State;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Makes disks fail, now and then, in every way they can; each upset ends by itself. */
final class Upsets {
  private final Life life;
  private final Shape shape;
  private final SplittableRandom random;
  private final List<Runnable> cures = new ArrayList<>();
  private int happened;

  Upsets(Life life, Shape shape, SplittableRandom random) {
    this.life = life;
    this.shape = shape;
    this.random = random;
  }

  /** How many there were. */
  int happened() {
    return happened;
  }

  /** Upsets one disk. */
  void now() {
    SimulatedDevice disk = any();
    happened++;
    switch (random.nextInt(15)) {
      case 0, 1, 2 -> inject(disk, failing().after(random.nextInt(4)).once());
      case 3 -> inject(disk, failing().after(random.nextInt(20)).times(1 + random.nextInt(5)));
      case 4 -> inject(disk, failing());
      case 5 -> inject(disk, SimulatedFault.failing(Errno.EIO).on(Operation.FLUSH).once());
      case 6 -> inject(disk, failing().within(OnDisk.SUPERBLOCK, 4096));
      case 7 -> inject(disk, failing().within(0, OnDisk.DATA).once());
      case 8 -> inject(disk, SimulatedFault.shortWrites().after(random.nextInt(4)).once());
      case 9 -> inject(disk, SimulatedFault.slow(random.nextLong(20_000_000)).times(20));
      case 10 -> stick(disk);
      case 11, 12 -> inject(disk, badSpot());
      case 13 ->
          inject(
              disk,
              SimulatedFault.outOfSpace().after(random.nextInt(4)).times(1 + random.nextInt(9)));
      default -> vanish(disk);
    }
  }

  /** Cannot be read a few times, until it was mended. */
  private SimulatedFault badSpot() {
    long start = OnDisk.DATA + random.nextLong(shape.sizeBytes() / 4096) * 4096;
    return SimulatedFault.failing(Errno.EIO)
        .on(Operation.READ)
        .within(start, 4096)
        .times(2 + random.nextInt(5));
  }

  /** The newest bitmap file is mostly the one in force: it has its turn more often. */
  private SimulatedDevice any() {
    Disks disks = life.disks();
    if (!disks.files.isEmpty() && random.nextInt(6) == 0) {
      return disks.files.getLast();
    }
    List<SimulatedDevice> all = disks.all();
    return all.get(random.nextInt(all.size()));
  }

  private SimulatedFault failing() {
    SimulatedFault fault =
        SimulatedFault.failing(random.nextInt(4) == 0 ? Errno.ENOSPC : Errno.EIO);
    return switch (random.nextInt(5)) {
      case 0 -> fault.on(Operation.READ, Operation.EXTENTS);
      case 1 -> fault.on(Operation.FLUSH);
      case 2 ->
          fault
              .on(Operation.READ, Operation.WRITE)
              .within(OnDisk.DATA + random.nextLong(shape.sizeBytes()), 8192);
      default -> fault.on(Operation.WRITE, Operation.WRITE_ZEROES, Operation.DISCARD);
    };
  }

  private void inject(SimulatedDevice disk, SimulatedFault fault) {
    disk.inject(fault);
    cureLater(() -> disk.heal(fault));
  }

  private void stick(SimulatedDevice disk) {
    SimulatedFault fault = SimulatedFault.stuck().times(1 + random.nextInt(5));
    disk.inject(fault);
    cureLater(() -> {
      disk.heal(fault);
      disk.releaseAbandoned();
    });
  }

  private void vanish(SimulatedDevice disk) {
    disk.releaseAbandoned();
    disk.disappear();
    cureLater(() -> {
      disk.comeBack();
      life.coverage().reached(State.MEMBER_DISAPPEARED_AND_CAME_BACK);
    });
  }

  private void cureLater(Runnable cure) {
    cures.add(cure);
    life.scheduler().schedule(() -> cureNow(cure), random.nextLong(2_000_000_000L));
  }

  private void cureNow(Runnable cure) {
    // A machine that is gone gets nothing back.
    if (cures.remove(cure) && !life.isDead()) {
      cure.run();
    }
  }

  /** Ends all of them. */
  void healAll() {
    List.copyOf(cures).forEach(this::cureNow);
  }
}
