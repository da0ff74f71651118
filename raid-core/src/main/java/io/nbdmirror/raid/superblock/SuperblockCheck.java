package io.nbdmirror.raid.superblock;

import io.nbdmirror.raid.superblock.SuperblockException.Problem;
import org.jspecify.annotations.Nullable;

/**
 * Whether a superblock may be believed: what the kernel checks ({@code super_1_load}), and that
 * nothing in it asks for what this program lacks.
 */
public final class SuperblockCheck {
  private static final int SUPPORTED =
      MdSuperblock.FEATURE_BITMAP_OFFSET
          | MdSuperblock.FEATURE_RECOVERY_OFFSET
          | MdSuperblock.FEATURE_REPLACEMENT
          | MdSuperblock.FEATURE_BAD_BLOCKS
          | MdSuperblock.FEATURE_RECOVERY_BITMAP;

  private static final int MIN_DATA_SECTORS = 10;

  private static final String[] FEATURE_NAMES = {
    "internal bitmap",
    "recovery offset",
    "reshape in progress",
    "recorded bad blocks",
    "replacement in progress",
    "reshape backwards",
    "new data offset",
    "recovery by bitmap",
    "clustered",
    "write journal",
    "partial parity log",
    "several partial parity logs",
    "RAID0 layout"
  };

  private SuperblockCheck() {}

  /**
   * What is wrong with it; null when it may be used.
   *
   * @param path for the message
   * @param foundAt sectors from the start of the device to where it was read
   */
  public static @Nullable SuperblockException problemOf(
      MdSuperblock superblock, String path, long foundAt, long deviceBytes) {
    if (superblock.majorVersion() != 1) {
      return new SuperblockException(
          Problem.UNSUPPORTED,
          "%s has md metadata of version %d, and only version 1 is supported"
              .formatted(path, superblock.majorVersion()));
    }
    int maxDev = superblock.maxDev();
    if (maxDev < 1
        || maxDev > MdSuperblock.MAX_DEV_LIMIT
        || superblock.computeChecksum() != superblock.sbCsum()) {
      return new SuperblockException(
          Problem.BAD_CHECKSUM,
          "the md superblock of %s is damaged: its checksum does not match".formatted(path));
    }
    int unsupported = superblock.featureMap() & ~SUPPORTED;
    if (unsupported != 0) {
      return new SuperblockException(
          Problem.UNSUPPORTED,
          "%s uses an md feature that is not supported: %s"
              .formatted(path, featureName(unsupported)));
    }
    if (superblock.level() != 1) {
      return new SuperblockException(
          Problem.UNSUPPORTED,
          "%s belongs to an array of RAID level %d, and only level 1 is supported"
              .formatted(path, superblock.level()));
    }
    String contradiction =
        contradictionIn(superblock, foundAt, deviceBytes / MdSuperblock.SECTOR_BYTES);
    return contradiction == null
        ? null
        : new SuperblockException(
            Problem.CONTRADICTORY,
            "the md superblock of %s cannot be right: %s".formatted(path, contradiction));
  }

  /** Name of the lowest of these feature bits. */
  private static String featureName(int features) {
    int bit = Integer.numberOfTrailingZeros(features);
    String name = bit < FEATURE_NAMES.length ? FEATURE_NAMES[bit] : "unknown";
    return "%s (bit 0x%x)".formatted(name, 1 << bit);
  }

  private static @Nullable String contradictionIn(
      MdSuperblock superblock, long foundAt, long deviceSectors) {
    if (superblock.superOffset() != foundAt) {
      return "it says it lies at sector %d, and was read at sector %d"
          .formatted(superblock.superOffset(), foundAt);
    }
    if (!superblock.padIsZero()) {
      return "its reserved bytes are not zero";
    }
    if (superblock.dataSize() < MIN_DATA_SECTORS
        || superblock.size() <= 0
        || superblock.size() > superblock.dataSize()) {
      return "it counts %d sectors in use of %d usable ones"
          .formatted(superblock.size(), superblock.dataSize());
    }
    if (superblock.dataOffset() < 0
        || superblock.dataOffset() > deviceSectors - superblock.dataSize()) {
      return "its data ends at sector %d, and the device at sector %d: it was truncated, or grew smaller"
          .formatted(superblock.dataOffset() + superblock.dataSize(), deviceSectors);
    }
    if (superblock.raidDisks() < 1 || superblock.raidDisks() > superblock.maxDev()) {
      return "it counts %d members".formatted(superblock.raidDisks());
    }
    long sectors = (superblock.usedBytes() + 511L) / MdSuperblock.SECTOR_BYTES;
    long dataEnd = superblock.dataOffset() + superblock.size();
    if (foundAt < dataEnd && superblock.dataOffset() < foundAt + sectors) {
      return "its data and itself overlap";
    }
    if (superblock.hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET)) {
      long bitmap = foundAt + superblock.bitmapOffset();
      if (bitmap < 0
          || bitmap >= deviceSectors
          || (bitmap >= superblock.dataOffset() && bitmap < dataEnd)
          || bitmap == foundAt) {
        return "its bitmap would lie at sector %d".formatted(bitmap);
      }
    }
    return null;
  }
}
