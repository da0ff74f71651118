package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.simulation.Latency;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.nbdmirror.raid.TestArray;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** All disks of a run in one life of the machine, and the loop they belong to. */
final class Disks {
  /** Older bitmap files than so many are thrown away. */
  private static final int FILES = 3;

  /** Of a member that is write-mostly from the start. */
  private static final Latency LAGGING = new Latency(0, 100_000, 4_000_000);

  final SimulatedScheduler scheduler;
  final List<SimulatedDevice> members = new ArrayList<>();
  final List<SimulatedDevice> files = new ArrayList<>();
  private long deviceBytes;
  private int named;

  private Disks(SimulatedScheduler scheduler) {
    this.scheduler = scheduler;
  }

  /** A new array, laid out by hand. */
  static Disks format(Shape shape, SplittableRandom random) {
    TestArray array =
        shape.bitmapInFile()
            ? TestArray.withBitmapFile(
                random.nextLong(), shape.members(), shape.sizeBytes(), shape.chunkBytes())
            : new TestArray(
                random.nextLong(), shape.members(), shape.sizeBytes(), shape.chunkBytes());
    if (shape.writeBehind() > 0) {
      array.setWriteBehind(shape.writeMostlySlot(), shape.writeBehind());
    }
    Disks disks = new Disks(new SimulatedScheduler(random.nextLong()));
    disks.deviceBytes = OnDisk.DATA + shape.sizeBytes();
    for (int i = 0; i < shape.members(); i++) {
      SimulatedDevice device = disks.blank(shape, i, random);
      copy(array.devices.get(i), device);
      disks.members.add(device);
    }
    SimulatedDevice file = array.bitmapDevice();
    if (file != null) {
      disks.files.add(file.forkAfterProcessKill(random.nextLong(), disks.scheduler));
    }
    return disks;
  }

  private static void copy(SimulatedDevice from, SimulatedDevice to) {
    to.writeNow(0, from.readNow(0, (int) OnDisk.DATA));
  }

  /** A disk fresh from the shop. */
  SimulatedDevice blank(Shape shape, int index, SplittableRandom random) {
    SimulatedDisk disk =
        new SimulatedDisk(
            "member" + named++,
            deviceBytes,
            shape.blockBytes().get(index % shape.members()),
            shape.discards(),
            latencyOf(index, shape, random));
    return new SimulatedDevice(disk, scheduler, random.nextLong());
  }

  private static Latency latencyOf(int index, Shape shape, SplittableRandom random) {
    Latency drawn = random.nextInt(4) == 0 ? Latency.LATER : Latency.MIXED;
    return shape.writeBehind() > 0 && index % shape.members() == shape.writeMostlySlot()
        ? LAGGING
        : drawn;
  }

  /** Of data that there is room for on every member. */
  long roomBytes() {
    return deviceBytes - OnDisk.DATA;
  }

  /** All disks become longer; what is there then is not the same on any two. */
  void extend(long bytes, SplittableRandom random) {
    for (SimulatedDevice device : members) {
      device.resize(deviceBytes + bytes);
      if (random.nextInt(4) > 0) {
        byte[] garbage = new byte[(int) bytes];
        random.nextBytes(garbage);
        device.writeNow(deviceBytes, garbage);
      }
    }
    deviceBytes += bytes;
  }

  /** What the next life finds. */
  Disks afterCrash(SplittableRandom random, boolean cacheLost) {
    Disks next = new Disks(new SimulatedScheduler(random.nextLong()));
    next.named = named;
    next.deviceBytes = deviceBytes;
    for (SimulatedDevice device : members) {
      next.members.add(fork(device, random, cacheLost, next.scheduler));
    }
    for (SimulatedDevice file : files.subList(Math.max(0, files.size() - FILES), files.size())) {
      next.files.add(fork(file, random, cacheLost, next.scheduler));
    }
    return next;
  }

  private static SimulatedDevice fork(
      SimulatedDevice device,
      SplittableRandom random,
      boolean cacheLost,
      SimulatedScheduler scheduler) {
    return cacheLost
        ? device.forkAfterPowerCut(random.nextLong(), scheduler)
        : device.forkAfterProcessKill(random.nextLong(), scheduler);
  }

  List<SimulatedDevice> all() {
    List<SimulatedDevice> all = new ArrayList<>(members);
    all.addAll(files);
    return all;
  }

  /** The member of that name; null when there is none. */
  @Nullable SimulatedDevice member(String path) {
    for (SimulatedDevice device : members) {
      if (device.path().equals(path)) {
        return device;
      }
    }
    return null;
  }
}
