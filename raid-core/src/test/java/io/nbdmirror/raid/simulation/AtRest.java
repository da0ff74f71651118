package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.simulation.Coverage.State;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** What must hold of the disks as a crash left them, before anybody touches them (I1, I3, I8). */
final class AtRest {
  private AtRest() {}

  static void check(World world) {
    List<SimulatedDevice> inSync = inSync(world);
    if (inSync.size() < 2) {
      return;
    }
    OnDisk freshest = freshestOf(inSync);
    for (int i = 1; i < inSync.size(); i++) {
      SimulatedDevice one = inSync.getFirst();
      SimulatedDevice other = inSync.get(i);
      List<Long> differences = one.differences(other, OnDisk.DATA, freshest.sizeBytes());
      if (OnDisk.of(one).events() != OnDisk.of(other).events()) {
        world.tally.coverage.reached(State.SUPERBLOCKS_DIFFER_AFTER_A_CRASH);
      }
      if (!differences.isEmpty()) {
        world.tally.coverage.reached(State.MEMBERS_DIFFER_AFTER_A_CRASH);
        checkDifferences(world, inSync, freshest, differences);
      }
    }
  }

  /** Those whom assembly, given everything, would take for members in sync. */
  private static List<SimulatedDevice> inSync(World world) {
    long freshest = 0;
    for (SimulatedDevice device : world.disks.members) {
      if (world.isInSync(device.path())) {
        freshest = Math.max(freshest, OnDisk.of(device).events());
      }
    }
    List<SimulatedDevice> inSync = new ArrayList<>();
    for (SimulatedDevice device : world.disks.members) {
      OnDisk own = OnDisk.of(device);
      if (world.isInSync(device.path())
          && !own.isRebuilding()
          && own.events() + 1 >= freshest
          && inSync.stream().allMatch(other -> isCountedIn(own, OnDisk.of(other)))) {
        inSync.add(device);
      }
    }
    return inSync;
  }

  private static boolean isCountedIn(OnDisk own, OnDisk other) {
    return own.events() > other.events() ? own.countsIn(other) : other.countsIn(own);
  }

  private static OnDisk freshestOf(List<SimulatedDevice> inSync) {
    return inSync.stream()
        .map(OnDisk::of)
        .max(Comparator.comparingLong(OnDisk::events))
        .orElseThrow();
  }

  private static void checkDifferences(
      World world, List<SimulatedDevice> inSync, OnDisk freshest, List<Long> differences) {
    for (SimulatedDevice member : inSync) {
      OnDisk superblock = OnDisk.of(member);
      if (superblock.events() == freshest.events()) {
        Violation.require(
            !superblock.isClean(),
            "I8: %s says clean and members differ at %s",
            member.path(),
            differences);
      }
      if (superblock.hasBitmap()) {
        checkBits(member, superblock.bitmapStart(), freshest, false, differences);
      } else {
        for (SimulatedDevice file : world.disks.files) {
          checkBits(file, 0, freshest, true, differences);
        }
      }
    }
  }

  private static void checkBits(
      SimulatedDevice copy, long start, OnDisk freshest, boolean inFile, List<Long> differences) {
    BitmapOnDisk bitmap = BitmapOnDisk.of(copy, start, false);
    if (bitmap.isTrusted(freshest, inFile)) {
      for (long difference : differences) {
        Violation.require(
            bitmap.covers(difference - OnDisk.DATA),
            "I1: members differ at byte %d and %s has no bit there",
            difference - OnDisk.DATA,
            copy.path());
      }
    }
  }
}
