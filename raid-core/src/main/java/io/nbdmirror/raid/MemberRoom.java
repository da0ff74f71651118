package io.nbdmirror.raid;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.bitmap.InternalSpace;
import io.nbdmirror.raid.creation.ArrayLayout;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.SuperblockReader;

/**
 * How much data a member can hold now that its device may have grown, and where its superblock has
 * to be for that: a superblock of version 1.0 lies behind the data and moves with the end of the
 * device. All numbers are sectors. Immutable.
 *
 * @param superblock a copy of the member's own, as it would be; the array's size is not in it yet
 * @param movedSectors how far behind its present place that is
 * @param maxSectors the most data it can hold
 */
record MemberRoom(Member member, MdSuperblock superblock, long movedSectors, long maxSectors) {
  /** Sectors of a superblock's own area, and of a bad-block log. */
  static final int PAGE = 8;

  /** Asks the member's device how long it is. */
  static MemberRoom of(Member member) throws DeviceException {
    long deviceSectors = member.device().refreshSize() / MdSuperblock.SECTOR_BYTES;
    MdSuperblock superblock = member.superblock().copy();
    if (superblock.superOffset() <= superblock.dataOffset()) {
      long room = Math.max(superblock.dataSize(), deviceSectors - superblock.dataOffset());
      superblock.setDataSize(room);
      return new MemberRoom(member, superblock, 0, room);
    }
    return atTheEnd(member, superblock, deviceSectors);
  }

  private static MemberRoom atTheEnd(Member member, MdSuperblock superblock, long deviceSectors) {
    long superOffset = SuperblockReader.superOffset(0, deviceSectors * MdSuperblock.SECTOR_BYTES);
    // What mdadm keeps free before such a superblock: a bad-block log, and room for a bitmap.
    long before = superOffset - PAGE - ArrayLayout.bitmapSpace(deviceSectors);
    if (before < superblock.superOffset() + PAGE) {
      // The old place must stay as it is until the new one is good: it has grown too little.
      return new MemberRoom(member, superblock, 0, superblock.dataSize());
    }
    long moved = superOffset - superblock.superOffset();
    superblock.setSuperOffset(superOffset);
    superblock.setDataSize(before - superblock.dataOffset());
    return new MemberRoom(member, superblock, moved, superblock.dataSize());
  }

  InternalSpace.Room forBitmap() {
    return new InternalSpace.Room(
        superblock, member.device().sizeBytes() / MdSuperblock.SECTOR_BYTES, movedSectors);
  }

  /** Puts into the member's superblock in memory what is different in this one. */
  void adopt() {
    MdSuperblock own = member.superblock();
    own.setSize(superblock.size());
    own.setDataSize(superblock.dataSize());
    own.setSuperOffset(superblock.superOffset());
  }
}
