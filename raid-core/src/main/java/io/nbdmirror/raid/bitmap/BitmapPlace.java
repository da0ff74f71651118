package io.nbdmirror.raid.bitmap;

import io.nbdmirror.bitmap.storage.StoredCopies;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.util.List;

/**
 * Where an array keeps its bitmap. Immutable.
 *
 * @param bitmapOffset of an internal one: sectors from each member's superblock, signed; else 0
 * @param copies where its bytes are; empty for none
 */
public record BitmapPlace(Kind kind, int bitmapOffset, List<StoredCopies.Copy> copies) {
  /** The kinds that DESIGN's table of places has. */
  public enum Kind {
    /** On every member. */
    INTERNAL,
    /** In a file that is written at its raw block offsets. */
    RAW,
    /** In a file that is written through its filesystem. */
    FILE,
    /** In memory only. */
    NONE
  }

  /** No bitmap: an unclean stop means a full resync. */
  public static final BitmapPlace NOWHERE = new BitmapPlace(Kind.NONE, 0, List.of());

  public BitmapPlace {
    copies = List.copyOf(copies);
  }

  /**
   * On the members.
   *
   * @param bitmapOffset sectors from each member's superblock
   */
  public static BitmapPlace onMembers(Members members, int bitmapOffset) {
    return new BitmapPlace(
        Kind.INTERNAL,
        bitmapOffset,
        members.all().stream()
            .filter(Member::isWritable)
            .map(member -> copyOn(member, bitmapOffset))
            .toList());
  }

  /** Where an internal one is on this member. */
  StoredCopies.Copy copyOn(Member member) {
    return copyOn(member, bitmapOffset);
  }

  private static StoredCopies.Copy copyOn(Member member, int bitmapOffset) {
    return new StoredCopies.Copy(member.device(), offsetBytes(member, bitmapOffset));
  }

  /** In a file of its own. */
  public static BitmapPlace inFile(BlockDevice file, boolean raw) {
    return new BitmapPlace(raw ? Kind.RAW : Kind.FILE, 0, List.of(new StoredCopies.Copy(file, 0)));
  }

  /** Offset in bytes from the start of the member's device. */
  public static long offsetBytes(Member member, int bitmapOffset) {
    return (member.superblock().superOffset() + bitmapOffset) * MdSuperblock.SECTOR_BYTES;
  }

  /** Whether it is in a file of its own. */
  public boolean isInFile() {
    return kind == Kind.RAW || kind == Kind.FILE;
  }

  /** Puts into a member's superblock in memory what this place means to it. */
  public void recordIn(MdSuperblock superblock) {
    int others = superblock.featureMap() & ~MdSuperblock.FEATURE_BITMAP_OFFSET;
    superblock.setFeatureMap(
        kind == Kind.INTERNAL ? others | MdSuperblock.FEATURE_BITMAP_OFFSET : others);
    superblock.setBitmapOffset(bitmapOffset);
  }
}
