package io.nbdmirror.io.simulation;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** A write, zeroing or discard whose sectors are not all durable yet. */
final class PendingWrite {
  private static final long NOT_COMPLETED = Long.MAX_VALUE;

  enum Kind {
    DATA,
    ZEROES,
    HOLE
  }

  final Kind kind;
  final long firstSector;
  final int sectors;
  final byte @Nullable [] data;

  /** Which of its sectors would still reach the medium. */
  final BitSet live;

  long completedAt = NOT_COMPLETED;

  PendingWrite(Kind kind, long firstSector, int sectors, byte @Nullable [] data) {
    this.kind = kind;
    this.firstSector = firstSector;
    this.sectors = sectors;
    this.data = data;
    live = new BitSet(sectors);
    live.set(0, sectors);
  }

  PendingWrite(PendingWrite other) {
    kind = other.kind;
    firstSector = other.firstSector;
    sectors = other.sectors;
    data = other.data;
    live = (BitSet) other.live.clone();
    completedAt = other.completedAt;
  }

  /** Writes the live sectors. */
  void applyTo(SectorMap map) {
    for (int from = live.nextSetBit(0); from >= 0; ) {
      int end = live.nextClearBit(from);
      applyTo(map, from, end);
      from = live.nextSetBit(end);
    }
  }

  private void applyTo(SectorMap map, int from, int end) {
    if (data != null) {
      for (int index = from; index < end; index++) {
        map.put(firstSector + index, data, index * SectorMap.SECTOR_BYTES);
      }
    } else if (kind == Kind.ZEROES) {
      map.zero(firstSector + from, firstSector + end);
    } else {
      map.punch(firstSector + from, firstSector + end);
    }
  }

  /** What {@code newer} made durable can no longer be overwritten by this older write. */
  void supersededBy(PendingWrite newer) {
    long from = Math.max(firstSector, newer.firstSector);
    long end = Math.min(firstSector + sectors, newer.firstSector + newer.sectors);
    for (long sector = from; sector < end; sector++) {
      if (newer.live.get((int) (sector - newer.firstSector))) {
        live.clear((int) (sector - firstSector));
      }
    }
  }
}
