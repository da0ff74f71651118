package io.nbdmirror.io.simulation;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;

/**
 * What outlives a process: the durable contents, and the volatile cache before it as the list of
 * writes it has taken since, in the order they took effect.
 */
final class SimulatedMedium {
  private SectorMap visible;
  private final SectorMap durable;
  private final List<PendingWrite> pending = new ArrayList<>();
  private long clock;

  SimulatedMedium() {
    visible = new SectorMap();
    durable = new SectorMap();
  }

  SimulatedMedium(SimulatedMedium other) {
    visible = new SectorMap(other.visible);
    durable = new SectorMap(other.durable);
    clock = other.clock;
    other.pending.forEach(write -> pending.add(new PendingWrite(write)));
  }

  SectorMap visible() {
    return visible;
  }

  SectorMap durable() {
    return durable;
  }

  boolean hasUnflushed() {
    return !pending.isEmpty();
  }

  boolean hasUnflushed(long fromSector, long endSector) {
    for (PendingWrite write : pending) {
      if (write.firstSector < endSector && fromSector < write.firstSector + write.sectors) {
        return true;
      }
    }
    return false;
  }

  /** A number larger than all given before, to tell what came first. */
  long tick() {
    return clock++;
  }

  void apply(PendingWrite write) {
    write.applyTo(visible);
    pending.add(write);
  }

  void completed(PendingWrite write) {
    write.completedAt = tick();
  }

  /** Everything that had completed before {@code tick} becomes durable. */
  void flush(long tick) {
    for (PendingWrite write : List.copyOf(pending)) {
      if (write.completedAt < tick) {
        makeDurable(write);
      }
    }
  }

  /** Only this write becomes durable. */
  void makeDurable(PendingWrite write) {
    for (Iterator<PendingWrite> all = pending.iterator(); all.hasNext(); ) {
      PendingWrite older = all.next();
      if (older == write) {
        write.applyTo(durable);
        all.remove();
        return;
      }
      older.supersededBy(write);
    }
    throw new AssertionError("the write was not pending");
  }

  /**
   * What a failed flush does to a page cache: data that it should have kept stays readable and is
   * never written. A hole is the filesystem's to keep, in its journal: it takes another flush.
   */
  void forget(long tick) {
    pending.removeIf(write -> write.completedAt < tick && write.kind != PendingWrite.Kind.HOLE);
  }

  /** Sets contents that have always been there. */
  void manufacture(PendingWrite write) {
    pending.forEach(older -> older.supersededBy(write));
    write.applyTo(visible);
    write.applyTo(durable);
  }

  /**
   * Each write that was not durable, those in flight included, survives, vanishes or is torn by
   * itself, and they reach the medium in any order.
   */
  void powerCut(SplittableRandom random, Collection<PendingWrite> inFlight) {
    List<PendingWrite> candidates = new ArrayList<>(pending);
    inFlight.forEach(write -> candidates.add(new PendingWrite(write)));
    Collections.shuffle(candidates, new Random(random.nextLong()));
    // Now and then nothing or everything survives: the extremes hide the rarest bugs.
    int survivingPercent = List.of(0, 10, 50, 90, 100).get(random.nextInt(5));
    for (PendingWrite write : candidates) {
      boolean mayTear = survivingPercent > 0 && survivingPercent < 100;
      if (mayTear && random.nextInt(4) == 0) {
        tear(write, random);
        write.applyTo(durable);
      } else if (random.nextInt(100) < survivingPercent) {
        write.applyTo(durable);
      }
    }
    pending.clear();
    visible = new SectorMap(durable);
  }

  /** The cache stays; what was in flight is dropped, done, or cut short. */
  void processKill(SplittableRandom random, Collection<PendingWrite> inFlight) {
    for (PendingWrite unapplied : inFlight) {
      PendingWrite write = new PendingWrite(unapplied);
      switch (random.nextInt(3)) {
        case 0 -> write.live.clear();
        case 1 -> write.live.clear(random.nextInt(write.sectors + 1), write.sectors);
        default -> {}
      }
      apply(write);
    }
    pending.forEach(write -> write.completedAt = Math.min(write.completedAt, clock));
    tick();
  }

  static void tear(PendingWrite write, SplittableRandom random) {
    for (int sector = 0; sector < write.sectors; sector++) {
      if (random.nextBoolean()) {
        write.live.clear(sector);
      }
    }
  }
}
