package io.nbdmirror.raid.simulation;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** What outlives a crash: the disks, what they are expected to hold, and what a run counts. */
final class World {
  final Shape shape;
  final Expected expected;
  final Tally tally = new Tally();
  final SplittableRandom random;
  Disks disks;

  /** Of the array, as it was assembled or has grown since. */
  long sizeBytes;

  private List<Shape.Zone> zones;

  /** Names of the members that hold everything acknowledged. */
  final Set<String> current = new LinkedHashSet<>();

  /** Names of the members that lack something acknowledged, for a crash came too soon. */
  final Set<String> lagging = new LinkedHashSet<>();

  /** Whether an array was started while a disk could not be read. */
  boolean mayBeSplit;

  /** Whether the last life ended with the loss of what was not flushed. */
  boolean cacheLost;

  /** How many lives in a row ended with a crash in the middle of a resync. */
  int crashesInResync;

  /** As {@link #crashesInResync}, of a recovery. */
  int crashesInRecovery;

  /** Name of the member that reads came from last. */
  String source = "";

  final @Nullable PrintStream trace;

  /**
   * @param trace where every request to a disk is printed; null for nowhere
   */
  World(long seed, @Nullable PrintStream trace) {
    this.trace = trace;
    random = new SplittableRandom(seed);
    shape = Shape.draw(random.split());
    expected = new Expected(shape.mostBytes());
    sizeBytes = shape.sizeBytes();
    zones = shape.zones();
    disks = Disks.format(shape, random.split());
    disks.members.forEach(member -> current.add(member.path()));
  }

  /** Whether assembly may take the member for one in sync. */
  boolean isInSync(String path) {
    return current.contains(path) || lagging.contains(path);
  }

  /** Where clients are busy in an array of that size: what it has grown by is a zone of its own. */
  List<Shape.Zone> zones(long arrayBytes) {
    long end = zones.getLast().end();
    if (end != arrayBytes) {
      zones = new ArrayList<>(shape.zones());
      long grown = arrayBytes - shape.sizeBytes();
      if (grown > 0) {
        zones.add(new Shape.Zone(shape.sizeBytes(), (int) grown));
      }
    }
    return zones;
  }
}
