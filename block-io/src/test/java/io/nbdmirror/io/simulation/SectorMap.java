package io.nbdmirror.io.simulation;

import io.nbdmirror.io.Extent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Sparse contents by sector. A sector that is not there is a hole and reads as zeroes. A copy
 * shares everything with its original until one of them changes it: copies are made at every
 * simulated crash.
 */
final class SectorMap {
  static final int SECTOR_BYTES = 512;

  private static final byte[] ZEROES = new byte[SECTOR_BYTES];
  private static final int PAGE_SECTORS = 64;

  /** Tells who may change a page. */
  private static final class Owner {}

  /** Neighbouring sectors; only its owner may change it. */
  private static final class Page {
    final Owner owner;
    final byte[] @Nullable [] sectors;

    Page(Owner owner, byte[] @Nullable [] sectors) {
      this.owner = owner;
      this.sectors = sectors;
    }
  }

  private final TreeMap<Long, Page> pages;
  private Owner owner = new Owner();

  SectorMap() {
    pages = new TreeMap<>();
  }

  SectorMap(SectorMap other) {
    pages = new TreeMap<>(other.pages);
    // What was its own is shared from now on.
    other.owner = new Owner();
  }

  /** Copies the bytes of {@code data}, which holds the sector at {@code dataIndex}. */
  void put(long sector, byte[] data, int dataIndex) {
    set(sector, Arrays.copyOfRange(data, dataIndex, dataIndex + SECTOR_BYTES));
  }

  void zero(long from, long end) {
    for (long sector = from; sector < end; sector++) {
      set(sector, ZEROES);
    }
  }

  void punch(long from, long end) {
    for (long sector = from; sector < end; ) {
      Map.Entry<Long, Page> next = pages.ceilingEntry(sector / PAGE_SECTORS);
      if (next == null) {
        return;
      }
      long first = next.getKey() * PAGE_SECTORS;
      long stop = Math.min(end, first + PAGE_SECTORS);
      for (sector = Math.max(sector, first); sector < stop; sector++) {
        set(sector, null);
      }
      sector = first + PAGE_SECTORS;
    }
  }

  private void set(long sector, byte @Nullable [] bytes) {
    long number = sector / PAGE_SECTORS;
    Page page = pages.get(number);
    if (page == null || page.owner != owner) {
      page = new Page(owner, page == null ? new byte[PAGE_SECTORS][] : page.sectors.clone());
      pages.put(number, page);
    }
    page.sectors[(int) (sector % PAGE_SECTORS)] = bytes;
  }

  private byte @Nullable [] get(long sector) {
    Page page = pages.get(sector / PAGE_SECTORS);
    return page == null ? null : page.sectors[(int) (sector % PAGE_SECTORS)];
  }

  byte[] read(long from, int count) {
    byte[] bytes = new byte[count * SECTOR_BYTES];
    for (int i = 0; i < count; i++) {
      byte[] sector = get(from + i);
      if (sector != null) {
        System.arraycopy(sector, 0, bytes, i * SECTOR_BYTES, SECTOR_BYTES);
      }
    }
    return bytes;
  }

  /** The sectors in a range that do not read the same in both. */
  List<Long> differences(SectorMap other, long from, long end) {
    List<Long> found = new ArrayList<>();
    for (long number = from / PAGE_SECTORS; number * PAGE_SECTORS < end; number++) {
      Page mine = pages.get(number);
      Page others = other.pages.get(number);
      if (mine != others) {
        long first = Math.max(from, number * PAGE_SECTORS);
        long stop = Math.min(end, (number + 1) * PAGE_SECTORS);
        for (long sector = first; sector < stop; sector++) {
          if (!Arrays.equals(orZeroes(get(sector)), orZeroes(other.get(sector)))) {
            found.add(sector);
          }
        }
      }
    }
    return found;
  }

  private static byte[] orZeroes(byte @Nullable [] sector) {
    return sector == null ? ZEROES : sector;
  }

  /** The range as data and holes; a block is a hole when all its sectors are. */
  List<Extent> extents(long offsetBytes, long lengthBytes, int blockBytes) {
    List<Extent> found = new ArrayList<>();
    long end = offsetBytes + lengthBytes;
    long position = offsetBytes;
    while (position < end) {
      long data = Math.min(end, nextData(position, end, blockBytes));
      if (data > position) {
        found.add(new Extent(position, data - position, true));
      }
      long hole = data;
      while (hole < end && nextData(hole, end, blockBytes) == hole) {
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
  private long nextData(long offsetBytes, long endBytes, int blockBytes) {
    long sector = offsetBytes / SECTOR_BYTES;
    while (sector * SECTOR_BYTES < endBytes) {
      Map.Entry<Long, Page> next = pages.ceilingEntry(sector / PAGE_SECTORS);
      if (next == null) {
        return Long.MAX_VALUE;
      }
      long first = next.getKey() * PAGE_SECTORS;
      for (sector = Math.max(sector, first); sector < first + PAGE_SECTORS; sector++) {
        if (next.getValue().sectors[(int) (sector % PAGE_SECTORS)] != null) {
          long bytes = sector * SECTOR_BYTES;
          return bytes - bytes % blockBytes;
        }
      }
    }
    return Long.MAX_VALUE;
  }
}
