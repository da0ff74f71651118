package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.simulation.Coverage.State;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a crash makes of writes that were behind: members that are in sync for all that superblocks
 * say, and lack something that was acknowledged. While the array runs nobody can tell; after the
 * crash the others have it, unless none of them is there.
 */
final class Lagging {
  private Lagging() {}

  /** A client was answered. */
  static void noteBehind(Coverage coverage, Roles roles) {
    if (!behind(roles.status()).isEmpty()) {
      coverage.reached(State.WRITES_BEHIND);
    }
  }

  /**
   * Looks at the disks as the next life finds them.
   *
   * @param status of the array at its end; null when there was none
   */
  static void noteEnd(World world, @Nullable ArrayStatus status) {
    Set<String> behind = status == null ? Set.of() : behind(status);
    if (!behind.isEmpty()) {
      world.tally.coverage.reached(State.CRASH_WITH_WRITES_BEHIND);
    }
    world.current.addAll(world.lagging);
    List<SimulatedDevice> eligible = Start.eligible(world);
    Set<String> lagging = new LinkedHashSet<>();
    for (SimulatedDevice device : eligible) {
      String path = device.path();
      boolean before = world.lagging.contains(path);
      if ((before || behind.contains(path) || hasLost(world, status))
          && !OnDisk.of(device).isRebuilding()
          && world.expected.isLackedBy(sectorsOf(device))) {
        lagging.add(path);
        if (!before && behind.contains(path)) {
          String problem = world.expected.problemOfLagging(sectorsOf(device));
          Violation.require(problem.isEmpty(), "I5: %s was flushed and lags: %s", path, problem);
        }
      }
    }
    world.lagging.removeIf(path -> eligible.stream().anyMatch(one -> one.path().equals(path)));
    world.current.removeAll(world.lagging);
    world.lagging.clear();
    world.lagging.addAll(lagging);
    if (eligible.stream().anyMatch(device -> !lagging.contains(device.path()))) {
      world.current.removeAll(lagging);
    }
  }

  /** An operator may give those alone; what the others have and they have not is missed then. */
  static void keepThoseAlone(World world, List<SimulatedDevice> given) {
    if (given.stream().anyMatch(device -> world.lagging.contains(device.path()))) {
      given.removeIf(device -> !world.lagging.contains(device.path()));
    }
  }

  /** Started without the others they are all there is. */
  static void noteStart(World world, List<SimulatedDevice> inSync) {
    if (inSync.stream().allMatch(member -> world.lagging.contains(member.path()))) {
      inSync.forEach(member -> world.current.add(member.path()));
    }
  }

  /** Who lacks something that was acknowledged. */
  static Set<String> behind(ArrayStatus status) {
    Set<String> behind = new LinkedHashSet<>();
    for (ArrayStatus.Member member : status.members()) {
      if (member.behind() > 0) {
        behind.add(member.path());
      }
    }
    return behind;
  }

  /** A broken array may be so because the last member did not take what was behind. */
  private static boolean hasLost(World world, @Nullable ArrayStatus status) {
    return world.shape.writeBehind() > 0
        && status != null
        && status.state() == ArrayStatus.State.BROKEN;
  }

  /** Reads come from here now. */
  static void noteSource(World world, @Nullable SimulatedDevice source) {
    if (source != null && world.lagging.contains(source.path())) {
      world.tally.coverage.reached(State.READ_FROM_A_MEMBER_THAT_LAGS);
      world.expected.lose(sectorsOf(source));
    }
  }

  /** Whether the array has no member that holds everything acknowledged for certain. */
  static boolean areAll(World world, Mirror mirror, Disks disks) {
    return Roles.of(mirror, disks).inSync().stream()
        .allMatch(member -> world.lagging.contains(member.path()));
  }

  private static Expected.Sectors sectorsOf(SimulatedDevice disk) {
    return sector -> disk.readNow(OnDisk.DATA + (long) sector * Pattern.SECTOR, Pattern.SECTOR);
  }
}
