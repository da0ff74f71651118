package io.nbdmirror.raid.simulation;

import java.io.PrintStream;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** One seed: an array, and its lives until so many requests were made. */
final class SeedRun {
  private static final int LIFE_OPERATIONS = 160;

  private SeedRun() {}

  /**
   * Runs it.
   *
   * @param steps requests of clients, about
   * @param trace where every request to a disk is printed; null for nowhere
   * @throws Violation what did not hold; the seed is in its message
   */
  static Tally run(long seed, int steps, @Nullable PrintStream trace) {
    World world = new World(seed, trace);
    try {
      SplittableRandom starts = world.random.split();
      int lonely = 0;
      while (world.tally.operations < steps && lonely < 4) {
        // First: it may take disks away.
        Start start = Start.draw(world, starts);
        new Life(world).run(start, 10 + starts.nextInt(LIFE_OPERATIONS));
        AtRest.check(world);
        if (starts.nextInt(6) == 0) {
          Reassembly.ofSomeSubset(world, starts);
        }
        lonely = world.current.size() == 1 ? lonely + 1 : 0;
      }
      return world.tally;
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(
          "seed %d, steps %d, life %d, request %d: %s"
              .formatted(seed, steps, world.tally.lives, world.tally.operations, e.getMessage()),
          e);
    }
  }
}
