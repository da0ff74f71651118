package io.nbdmirror.raid.creation;

import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** The superblocks of an array that is being made, as {@code mdadm --create} writes them. */
final class NewSuperblocks {
  private static final int MAX_DEV = 128;
  private static final int AT_ROLES = 256;

  private final NewArray array;
  private final ArrayLayout layout;
  private final boolean[] present;
  private final long ctime;

  /**
   * @param present for each slot whether it has a member
   * @param createdMicros since 1970; only whole seconds are stored
   */
  NewSuperblocks(NewArray array, ArrayLayout layout, boolean[] present, long createdMicros) {
    this.array = array;
    this.layout = layout;
    this.present = present.clone();
    ctime = MdSuperblock.packTime(createdMicros / 1_000_000 * 1_000_000);
  }

  MdSuperblock ofMember(int slot, long deviceSectors, boolean writeMostly) {
    ByteBuffer bytes = ByteBuffer.allocate(MdSuperblock.BYTES);
    // A number that nobody holds is a spare.
    Arrays.fill(bytes.array(), AT_ROLES, AT_ROLES + 2 * MAX_DEV, (byte) 0xff);
    MdSuperblock superblock = MdSuperblock.wrap(bytes);
    superblock.setMagic(MdSuperblock.MAGIC);
    superblock.setMajorVersion(1);
    superblock.setSetUuid(array.uuid());
    superblock.setSetName(array.name());
    superblock.setCtime(ctime);
    superblock.setUtime(ctime);
    superblock.setLevel(1);
    superblock.setSize(layout.size());
    superblock.setRaidDisks(present.length);
    superblock.setResyncOffset(array.assumeClean() ? MdSuperblock.RESYNC_OFFSET_CLEAN : 0);
    superblock.setDataOffset(layout.dataOffset());
    ArrayLayout.OfMember own = layout.onDevice(deviceSectors);
    superblock.setDataSize(own.dataSize());
    superblock.setSuperOffset(own.superOffset());
    superblock.setBblogSize(own.bblogSize());
    superblock.setBblogOffset(own.bblogOffset());
    if (layout.hasBitmap()) {
      superblock.setFeatureMap(MdSuperblock.FEATURE_BITMAP_OFFSET);
      superblock.setBitmapOffset(layout.bitmapOffset());
    }
    superblock.setDevNumber(slot);
    superblock.setDeviceUuid(array.deviceUuids().get(slot));
    superblock.setDevflags(writeMostly ? MdSuperblock.DEVFLAG_WRITE_MOSTLY : 0);
    superblock.setMaxDev(MAX_DEV);
    for (int each = 0; each < present.length; each++) {
      superblock.setRole(each, present[each] ? each : MdSuperblock.ROLE_SPARE);
    }
    superblock.updateChecksum();
    return superblock;
  }

  /** The whole bitmap, padding with it: every bit set, so that a first resync copies everything. */
  byte[] bitmap() {
    return array.newBitmap(layout).image(layout.bitmapSectors() * MdSuperblock.SECTOR_BYTES);
  }
}
