package io.nbdmirror.raid;

import java.util.ArrayList;
import java.util.List;

/**
 * What each sector may hold, told without any of the code under test: every write gets a number, in
 * the order it was made; a sector holds the number of the write it has (0: never written).
 */
final class WriteHistory {
  static final int SECTOR = 512;

  private static final class Sector {
    /** Numbers in order; the first is what a sector holds at the start. */
    final List<Long> writes = new ArrayList<>(List.of(0L));

    int acknowledged;
    int durable;
  }

  private final Sector[] sectors;
  private long lastNumber;

  WriteHistory(long sizeBytes) {
    sectors = new Sector[(int) (sizeBytes / SECTOR)];
    for (int i = 0; i < sectors.length; i++) {
      sectors[i] = new Sector();
    }
  }

  /** A write of whole sectors begins; the number its sectors are to hold. 0 for zeroes. */
  Write begin(int firstSector, int count, boolean zeroes) {
    long number = zeroes ? 0 : ++lastNumber;
    int[] index = new int[count];
    for (int i = 0; i < count; i++) {
      Sector sector = sectors[firstSector + i];
      sector.writes.add(number);
      index[i] = sector.writes.size() - 1;
    }
    return new Write(firstSector, index, number);
  }

  /** One write on its way. */
  final class Write {
    private final int firstSector;
    private final int[] index;
    final long number;

    private Write(int firstSector, int[] index, long number) {
      this.firstSector = firstSector;
      this.index = index;
      this.number = number;
    }

    void acknowledged(boolean fua) {
      for (int i = 0; i < index.length; i++) {
        Sector sector = sectors[firstSector + i];
        sector.acknowledged = Math.max(sector.acknowledged, index[i]);
        if (fua) {
          sector.durable = Math.max(sector.durable, index[i]);
        }
      }
    }
  }

  /** What is acknowledged now; to be made {@link #durable} when a flush made now is answered. */
  int[] acknowledgedNow() {
    int[] now = new int[sectors.length];
    for (int i = 0; i < now.length; i++) {
      now[i] = sectors[i].acknowledged;
    }
    return now;
  }

  void durable(int[] acknowledged) {
    for (int i = 0; i < acknowledged.length; i++) {
      sectors[i].durable = Math.max(sectors[i].durable, acknowledged[i]);
    }
  }

  /**
   * Why the sector must not hold this; empty if it may.
   *
   * @param cacheLost whether what was not flushed may be gone
   */
  String problem(int sector, long held, boolean cacheLost) {
    Sector history = sectors[sector];
    int floor = cacheLost ? history.durable : history.acknowledged;
    List<Long> allowed = history.writes.subList(floor, history.writes.size());
    return allowed.contains(held)
        ? ""
        : "sector %d holds write %d, allowed are %s".formatted(sector, held, allowed);
  }
}
