package io.nbdmirror.raid.bitmap;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.raid.member.Member;
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

  private record Range(long start, long end) {
    boolean overlaps(long from, long to) {
      return from < end && to > start;
    }
  }

  private final Members members;
  private final BitmapPlace present;
  private final long presentSectors;

  /**
   * @param present the bitmap that there is
   * @param presentGeometry what it takes
   */
  public InternalSpace(Members members, BitmapPlace present, BitmapGeometry presentGeometry) {
    this.members = members;
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
      if (members.all().stream().allMatch(member -> isFree(member, offset, sectors))) {
        return (int) offset;
      }
    }
    return 0;
  }

  private List<Long> candidates(long sectors) {
    TreeSet<Long> after = new TreeSet<>();
    TreeSet<Long> before = new TreeSet<>();
    after.add((long) PAGE);
    before.add(-sectors);
    for (Member member : members.all()) {
      for (Range taken : takenOf(member)) {
        after.add(roundUp(taken.end()));
        before.add(-roundUp(sectors - taken.start()));
      }
    }
    List<Long> all = new ArrayList<>(after.tailSet((long) PAGE));
    all.addAll(before.headSet(0L, false).descendingSet());
    return all;
  }

  private static long roundUp(long sectors) {
    return (sectors + PAGE - 1) / PAGE * PAGE;
  }

  private boolean isFree(Member member, long offset, long sectors) {
    MdSuperblock superblock = member.superblock();
    long start = superblock.superOffset() + offset;
    long deviceSectors = member.device().sizeBytes() / MdSuperblock.SECTOR_BYTES;
    return start >= 0
        && start + sectors <= deviceSectors
        && takenOf(member).stream().noneMatch(taken -> taken.overlaps(offset, offset + sectors));
  }

  /** What is taken on a member, relative to its superblock. */
  private List<Range> takenOf(Member member) {
    MdSuperblock superblock = member.superblock();
    List<Range> taken = new ArrayList<>();
    taken.add(new Range(0, PAGE));
    long data = superblock.dataOffset() - superblock.superOffset();
    taken.add(new Range(data, data + superblock.size()));
    if (superblock.bblogSize() > 0) {
      taken.add(
          new Range(
              superblock.bblogOffset(), (long) superblock.bblogOffset() + superblock.bblogSize()));
    }
    if (present.kind() == BitmapPlace.Kind.INTERNAL) {
      taken.add(new Range(present.bitmapOffset(), present.bitmapOffset() + presentSectors));
    }
    return taken;
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
