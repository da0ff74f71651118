package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.assembly.AssemblyException;
import io.nbdmirror.raid.simulation.Coverage.State;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * What an operator gives to assembly: mostly everything there is, sometimes less, but always one
 * member that holds everything and that no other such member calls out.
 *
 * @param file the bitmap's, if any
 */
record Start(
    List<SimulatedDevice> given,
    @Nullable SimulatedDevice file,
    boolean allowDegraded,
    Coverage coverage) {
  /** Draws one. */
  static Start draw(World world, SplittableRandom random) {
    List<SimulatedDevice> eligible = eligible(world);
    if (eligible.isEmpty()) {
      Violation.require(world.mayBeSplit, "I3: of %s each is called out", world.current);
      world.disks.members.stream()
          .filter(device -> world.current.contains(device.path()))
          .forEach(eligible::add);
    }
    List<SimulatedDevice> given = members(world.disks, eligible);
    int all = given.size();
    if (isSplit(given)) {
      // Told so, an operator keeps one, and clears the others.
      SimulatedDevice kept = eligible.get(random.nextInt(eligible.size()));
      if (random.nextInt(4) > 0) {
        given.removeIf(device -> device != kept && isSplit(List.of(device, kept)));
        world.disks.members.removeIf(
            device -> device != kept && !given.contains(device) && random.nextBoolean());
      }
    }
    // Not one that was cleared: somebody who holds everything must be left.
    eligible.retainAll(given);
    if (random.nextInt(5) == 0) {
      SimulatedDevice kept = eligible.get(random.nextInt(eligible.size()));
      given.removeIf(device -> device != kept && random.nextInt(2) == 0);
    }
    if (!world.lagging.isEmpty() && random.nextInt(4) == 0) {
      Lagging.keepThoseAlone(world, given);
    }
    return new Start(
        given,
        fileFor(given, world.disks, world, random),
        random.nextInt(4) > 0 || given.size() < all,
        world.tally.coverage);
  }

  /**
   * All disks that carry a superblock; of two that have one number in the array, the fresher: an
   * operator who mixes a new member up with the one whose number it has is told so.
   */
  static List<SimulatedDevice> members(Disks disks, List<SimulatedDevice> preferred) {
    Map<Integer, SimulatedDevice> byNumber = new LinkedHashMap<>();
    for (SimulatedDevice device : disks.members) {
      OnDisk superblock = OnDisk.of(device);
      if (superblock.isMember()) {
        byNumber.merge(
            superblock.number(),
            device,
            (one, other) ->
                preferred.contains(one)
                        || (!preferred.contains(other)
                            && OnDisk.of(one).events() >= superblock.events())
                    ? one
                    : other);
      }
    }
    return new ArrayList<>(byNumber.values());
  }

  /** Those that hold everything, but for one that another of them has gone on without. */
  static List<SimulatedDevice> eligible(World world) {
    List<SimulatedDevice> eligible = new ArrayList<>();
    for (SimulatedDevice device : world.disks.members) {
      if (world.current.contains(device.path())) {
        eligible.add(device);
      }
    }
    List<SimulatedDevice> all = List.copyOf(eligible);
    eligible.removeIf(device -> {
      OnDisk own = OnDisk.of(device);
      return all.stream()
          .map(OnDisk::of)
          .anyMatch(other -> !other.countsIn(own) && other.events() >= own.events());
    });
    return eligible;
  }

  /** The bitmap file that an operator who looked at the freshest superblock would give. */
  static @Nullable SimulatedDevice fileFor(
      List<SimulatedDevice> given, Disks disks, World world, SplittableRandom random) {
    OnDisk freshest = null;
    for (SimulatedDevice device : given) {
      OnDisk superblock = OnDisk.of(device);
      if (superblock.countsItselfIn()
          && (freshest == null || superblock.events() > freshest.events())) {
        freshest = superblock;
      }
    }
    if (freshest == null || freshest.hasBitmap()) {
      return null;
    }
    List<SimulatedDevice> bitmaps = new ArrayList<>();
    List<SimulatedDevice> trusted = new ArrayList<>();
    for (SimulatedDevice file : disks.files) {
      BitmapOnDisk bitmap = BitmapOnDisk.of(file, 0, false);
      if (bitmap.isBitmap()) {
        bitmaps.add(file);
        if (bitmap.isTrusted(freshest, true)) {
          trusted.add(file);
        }
      }
    }
    if (bitmaps.isEmpty()) {
      return null;
    }
    if (random.nextInt(8) == 0) {
      world.tally.coverage.reached(State.BITMAP_FILE_NOT_GIVEN);
      return null;
    }
    if (!trusted.isEmpty() && random.nextInt(4) > 0) {
      return trusted.get(random.nextInt(trusted.size()));
    }
    SimulatedDevice file = bitmaps.get(random.nextInt(bitmaps.size()));
    if (!trusted.contains(file)) {
      world.tally.coverage.reached(State.STALE_BITMAP_FOUND);
    }
    return file;
  }

  /** A refusal must be of one of the kinds that policy has. */
  void checkRefusal(@Nullable AssemblyException refusal, boolean upset) {
    String why = refusal == null ? "no reason" : String.valueOf(refusal.getMessage());
    if (!allowDegraded && why.contains("lacks")) {
      coverage.reached(State.ASSEMBLY_REFUSED_AS_INCOMPLETE);
    } else if (why.contains("is split") && isSplit(given)) {
      coverage.reached(State.ASSEMBLY_REFUSED_AS_SPLIT);
    } else if (why.contains("no member in sync") && areAllCalledOut(given)) {
      coverage.reached(State.ASSEMBLY_REFUSED_AS_INCOMPLETE);
    } else if (!upset) {
      throw new Violation(
          "I10: a member that holds everything was given and assembly is refused: %s; %s"
              .formatted(why, given.stream().map(OnDisk::of).toList()));
    }
  }

  /**
   * Whether a fresher one, which is being rebuilt and cannot serve alone, says of each that holds
   * data that the array went on without it: only one that is not given would know better.
   */
  private static boolean areAllCalledOut(List<SimulatedDevice> given) {
    List<OnDisk> superblocks = given.stream().map(OnDisk::of).toList();
    return superblocks.stream()
        .filter(one -> one.countsItselfIn() && !one.isRebuilding())
        .allMatch(one ->
            superblocks.stream()
                .anyMatch(other ->
                    other.isRebuilding()
                        && other.countsItselfIn()
                        && other.events() > one.events()
                        && !other.countsIn(one)));
  }

  private static boolean isSplit(List<SimulatedDevice> given) {
    List<OnDisk> superblocks = given.stream().map(OnDisk::of).toList();
    for (OnDisk one : superblocks) {
      for (OnDisk other : superblocks) {
        if (!one.equals(other)
            && one.countsItselfIn()
            && other.countsItselfIn()
            && !one.countsIn(other)
            && !other.countsIn(one)) {
          return true;
        }
      }
    }
    return false;
  }
}
