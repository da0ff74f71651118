package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.TestArray;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.ByteBuffer;
import java.util.BitSet;

/**
 * What a member's superblock says, as it lies on a disk.
 *
 * @param number of the device in the array
 * @param counted numbers of the devices that it counts as holding data
 * @param bitmapStart where on the device the bitmap begins, if it says that there is one
 * @param sizeBytes of the array
 * @param recoveredBytes what lies before this it has, but for what the bitmap marks; all when it is
 *     not being rebuilt
 */
record OnDisk(
    boolean isMember,
    long events,
    boolean isClean,
    int number,
    BitSet counted,
    boolean isRebuilding,
    boolean hasBitmap,
    long bitmapStart,
    long sizeBytes,
    boolean isGuidedByBitmap,
    long recoveredBytes) {
  static final long SUPERBLOCK = 4096;
  static final long DATA = TestArray.DATA_OFFSET_BYTES;

  /** What a reader finds there now. */
  static OnDisk of(SimulatedDevice disk) {
    return parse(disk.readNow(SUPERBLOCK, MdSuperblock.BYTES));
  }

  /** What a power cut leaves there for certain. */
  static OnDisk durableOf(SimulatedDevice disk) {
    return parse(disk.readDurable(SUPERBLOCK, MdSuperblock.BYTES));
  }

  private static OnDisk parse(byte[] bytes) {
    MdSuperblock superblock = MdSuperblock.wrap(ByteBuffer.wrap(bytes));
    BitSet counted = new BitSet();
    int devices = Math.min(superblock.maxDev(), 128);
    for (int number = 0; number < devices; number++) {
      counted.set(number, superblock.role(number) < MdSuperblock.ROLE_SLOT_LIMIT);
    }
    return new OnDisk(
        superblock.magic() == MdSuperblock.MAGIC,
        superblock.events(),
        superblock.resyncOffset() == MdSuperblock.RESYNC_OFFSET_CLEAN,
        superblock.devNumber(),
        counted,
        superblock.hasFeature(MdSuperblock.FEATURE_RECOVERY_OFFSET),
        superblock.hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET),
        (superblock.superOffset() + superblock.bitmapOffset()) * MdSuperblock.SECTOR_BYTES,
        superblock.size() * MdSuperblock.SECTOR_BYTES,
        superblock.hasFeature(MdSuperblock.FEATURE_RECOVERY_BITMAP),
        superblock.hasFeature(MdSuperblock.FEATURE_RECOVERY_OFFSET)
            ? superblock.recoveryOffset() * MdSuperblock.SECTOR_BYTES
            : Long.MAX_VALUE);
  }

  /** Whether a write there changes the superblock. */
  static boolean isIn(long offsetBytes) {
    return offsetBytes >= SUPERBLOCK && offsetBytes < SUPERBLOCK + MdSuperblock.BYTES;
  }

  boolean countsIn(OnDisk other) {
    return counted.get(other.number);
  }

  boolean countsItselfIn() {
    return isMember && counted.get(number);
  }
}
