package io.nbdmirror.io.simulation;

import io.nbdmirror.io.Extent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;

/**
 * Sparse contents by sector. A sector that is not there is a hole and reads as zeroes. The arrays
 * are never changed, only replaced, so that copies share them.
 */
final class SectorMap {
  static final int SECTOR_BYTES = 512;

  private static final byte[] ZEROES = new byte[SECTOR_BYTES];

  private final TreeMap<Long, byte[]> sectors;

  SectorMap() {
    sectors = new TreeMap<>();
  }

  SectorMap(SectorMap other) {
    sectors = new TreeMap<>(other.sectors);
  }

  /** Copies the bytes of {@code data}, which holds the sector at {@code dataIndex}. */
  void put(long sector, byte[] data, int dataIndex) {
    sectors.put(sector, Arrays.copyOfRange(data, dataIndex, dataIndex + SECTOR_BYTES));
  }

  void zero(long from, long end) {
    for (long sector = from; sector < end; sector++) {
      sectors.put(sector, ZEROES);
    }
  }

  void punch(long from, long end) {
    sectors.subMap(from, end).clear();
  }

  byte[] read(long from, int count) {
    byte[] bytes = new byte[count * SECTOR_BYTES];
    sectors
        .subMap(from, from + count)
        .forEach((sector, data) ->
            System.arraycopy(data, 0, bytes, (int) (sector - from) * SECTOR_BYTES, SECTOR_BYTES));
    return bytes;
  }

  /** The range as data and holes; a block is a hole when all its sectors are. */
  List<Extent> extents(long offsetBytes, long lengthBytes, int blockBytes) {
    List<Extent> found = new ArrayList<>();
    long end = offsetBytes + lengthBytes;
    long position = offsetBytes;
    while (position < end) {
      long data = Math.min(end, nextData(position, blockBytes));
      if (data > position) {
        found.add(new Extent(position, data - position, true));
      }
      long hole = data;
      while (hole < end && nextData(hole, blockBytes) == hole) {
        hole += blockBytes;
      }
      if (hole > data) {
        found.add(new Extent(data, hole - data, false));
      }
      position = hole;
    }
    return found;
  }

  /** Offset of the first block at or behind this one that is not a hole. */
  private long nextData(long offsetBytes, int blockBytes) {
    Long sector = sectors.ceilingKey(offsetBytes / SECTOR_BYTES);
    if (sector == null) {
      return Long.MAX_VALUE;
    }
    long bytes = sector * SECTOR_BYTES;
    return bytes - bytes % blockBytes;
  }
}
