package io.nbdmirror.raid.bitmap;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/**
 * Looks for room for a bitmap beside the superblocks of an array that has its data already: at one
 * offset from the superblock on all members, outside data, superblock, bad-block log and the bitmap
 * there is, which stays good until the new one is. All numbers are sectors. Immutable.
 */
public final class InternalSpace {
  /** Sectors of a superblock's own area, and what bitmaps are aligned to. */
  private static final int PAGE = BitmapGeometry.PAGE_BYTES / MdSuperblock.SECTOR_BYTES;

  /** More than this many sectors are not used for a bitmap (mdadm's choose_bm_space). */
  private static final int MAX_SECTORS = 256;

  /**
   * A member that the bitmap must fit.
   *
   * @param superblock its own, as it will be
   * @param deviceSectors how long its device is
   * @param movedSectors how far behind the place where the superblock still is it will be; what
   *     lies beside the old place stays taken
   */
  public record Room(MdSuperblock superblock, long deviceSectors, long movedSectors) {}

  private record Range(long start, long end) {
    boolean overlaps(long from, long to) {
      return from < end && to > start;
    }
  }

  private final List<Room> rooms;
  private final BitmapPlace present;
  private final long presentSectors;

  /**
   * @param present the bitmap that there is
   * @param presentGeometry what it takes
   */
  public InternalSpace(Members members, BitmapPlace present, BitmapGeometry presentGeometry) {
    this(
        members.all().stream()
            .map(member ->
                new Room(
                    member.superblock(),
                    member.device().sizeBytes() / MdSuperblock.SECTOR_BYTES,
                    0))
            .toList(),
        present,
        presentGeometry);
  }

  /** For members that are about to be laid out in another way. */
  public InternalSpace(List<Room> rooms, BitmapPlace present, BitmapGeometry presentGeometry) {
    this.rooms = List.copyOf(rooms);
    this.present = present;
    presentSectors = sectorsOf(presentGeometry);
  }

  private static long sectorsOf(BitmapGeometry geometry) {
    return (geometry.storedBytes() + BitmapGeometry.PAGE_BYTES - 1)
        / BitmapGeometry.PAGE_BYTES
        * PAGE;
  }

  /** Offset from the superblock in sectors of room for this bitmap; 0 when there is none. */
  public int find(BitmapGeometry geometry) {
    long sectors = sectorsOf(geometry);
    if (sectors > MAX_SECTORS) {
      return 0;
    }
    // Nearest to the superblock first, where mdadm puts it.
    for (long offset : candidates(sectors)) {
      if (rooms.stream().allMatch(room -> isFree(room, offset, sectors))) {
        return (int) offset;
      }
    }
    return 0;
  }

  private List<Long> candidates(long sectors) {
    TreeSet<Long> after = new TreeSet<>();
    TreeSet<Long> before = new TreeSet<>();
    before.add(-sectors);
    after.add((long) PAGE);
    for (Room room : rooms) {
      for (Range taken : takenOn(room)) {
        after.add(roundUp(taken.end()));
        before.add(-roundUp(sectors - taken.start()));
      }
    }
    List<Long> all = new ArrayList<>();
    // The kernel takes what lies behind a superblock at the end of a device for no place at all.
    if (rooms.stream().noneMatch(InternalSpace::isAtTheEnd)) {
      all.addAll(after.tailSet((long) PAGE));
    }
    all.addAll(before.headSet(0L, false).descendingSet());
    return all;
  }

  private static boolean isAtTheEnd(Room room) {
    return room.superblock().superOffset() > room.superblock().dataOffset();
  }

  private static long roundUp(long sectors) {
    return (sectors + PAGE - 1) / PAGE * PAGE;
  }

  private boolean isFree(Room room, long offset, long sectors) {
    long start = room.superblock().superOffset() + offset;
    return start >= 0
        && start + sectors <= room.deviceSectors()
        && takenOn(room).stream().noneMatch(taken -> taken.overlaps(offset, offset + sectors));
  }

  /** What is taken on a member, relative to its superblock. */
  private List<Range> takenOn(Room room) {
    MdSuperblock superblock = room.superblock();
    List<Range> taken = new ArrayList<>();
    long data = superblock.dataOffset() - superblock.superOffset();
    taken.add(new Range(data, data + superblock.size()));
    takeBeside(superblock, 0, taken);
    if (room.movedSectors() > 0) {
      takeBeside(superblock, -room.movedSectors(), taken);
    }
    if (present.kind() == BitmapPlace.Kind.INTERNAL) {
      long start = present.bitmapOffset() - room.movedSectors();
      taken.add(new Range(start, start + presentSectors));
    }
    return taken;
  }

  private static void takeBeside(MdSuperblock superblock, long at, List<Range> taken) {
    taken.add(new Range(at, at + PAGE));
    if (superblock.bblogSize() > 0) {
      long log = at + superblock.bblogOffset();
      taken.add(new Range(log, log + superblock.bblogSize()));
    }
  }

  /** The least power of two of bytes a bit for which there is room; 0 when there is none at all. */
  public long leastChunkBytes(long sizeBytes) {
    for (long chunk = NewBitmap.MIN_CHUNK_BYTES; chunk <= NewBitmap.MAX_CHUNK_BYTES; chunk *= 2) {
      if ((sizeBytes - 1) / chunk < 1 << 24 && find(new BitmapGeometry(sizeBytes, chunk)) != 0) {
        return chunk;
      }
    }
    return 0;
  }
}
