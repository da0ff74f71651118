package io.nbdmirror.nbd.cli;

import io.nbdmirror.bitmap.format.StoredBitmap;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.MemberInspection;
import org.jspecify.annotations.Nullable;

/**
 * What follows from a member's superblock, counted as mdadm counts it. Sectors throughout.
 *
 * @param unusedBefore between the metadata and the data
 * @param unusedAfter behind the data; negative when the device is too small for it
 */
record MemberFacts(
    String version,
    long unusedBefore,
    long unusedAfter,
    boolean clean,
    String role,
    String arrayState,
    boolean rolesConsistent) {

  /** What the kernel keeps for a superblock and its roles. */
  private static final long RESERVED = 72;

  private static final int PAGE_BYTES = 4096;
  private static final int PAGE_SECTORS = 8;

  static MemberFacts of(MemberInspection member) {
    MdSuperblock superblock = member.superblock();
    String state = arrayState(superblock);
    boolean atEnd = superblock.dataOffset() < superblock.superOffset();
    return new MemberFacts(
        version(superblock),
        atEnd ? superblock.dataOffset() : unusedBefore(member),
        atEnd
            ? unusedBeforeSuperblock(superblock)
            : member.deviceBytes() / MdSuperblock.SECTOR_BYTES
                - superblock.size()
                - superblock.dataOffset(),
        superblock.resyncOffset() == MdSuperblock.RESYNC_OFFSET_CLEAN,
        role(superblock),
        state,
        !state.contains("?"));
  }

  /** Whether the roles lie within the superblock's page, and with them what the checksum covers. */
  static boolean rolesReadable(MdSuperblock superblock) {
    return superblock.maxDev() >= 0 && superblock.maxDev() <= MdSuperblock.MAX_DEV_LIMIT;
  }

  private static String version(MdSuperblock superblock) {
    if (superblock.superOffset() <= 4) {
      return "1.1";
    }
    return superblock.superOffset() <= 8 ? "1.2" : "1.0";
  }

  private static long unusedBefore(MemberInspection member) {
    MdSuperblock superblock = member.superblock();
    long earliest = superblock.superOffset() + RESERVED;
    if (superblock.hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET)
        && superblock.bitmapOffset() > 0) {
      earliest = Math.max(earliest, superblock.bitmapOffset() + bitmapSectors(member.bitmap()));
    }
    if (superblock.bblogOffset() != 0 && superblock.bblogSize() != 0) {
      earliest =
          Math.max(
              earliest,
              superblock.superOffset() + superblock.bblogOffset() + superblock.bblogSize());
    }
    return Math.max(0, superblock.dataOffset() - earliest);
  }

  private static long bitmapSectors(@Nullable StoredBitmap bitmap) {
    return bitmap == null
        ? PAGE_SECTORS
        : (bitmap.geometry().storedBytes() + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_SECTORS;
  }

  private static long unusedBeforeSuperblock(MdSuperblock superblock) {
    long end = superblock.superOffset();
    if (superblock.bblogOffset() != 0 && superblock.bblogSize() != 0) {
      end = Math.min(end, superblock.superOffset() + superblock.bblogOffset());
    }
    if (superblock.hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET)) {
      end = Math.min(end, superblock.superOffset() + superblock.bitmapOffset());
    }
    return Math.max(0, end - superblock.size() - superblock.dataOffset());
  }

  private static String role(MdSuperblock superblock) {
    if (!rolesReadable(superblock)) {
      return "unknown";
    }
    int role = superblock.role(superblock.devNumber());
    if (role == MdSuperblock.ROLE_JOURNAL) {
      return "Journal";
    }
    if (role >= MdSuperblock.ROLE_FAULTY) {
      return "spare";
    }
    return superblock.hasFeature(MdSuperblock.FEATURE_REPLACEMENT)
        ? "Replacement device " + role
        : "Active device " + role;
  }

  private static String arrayState(MdSuperblock superblock) {
    StringBuilder state = new StringBuilder();
    int maxDev = rolesReadable(superblock) ? superblock.maxDev() : 0;
    int slots = Math.clamp(superblock.raidDisks(), 0, maxDev);
    for (int slot = 0; slot < slots; slot++) {
      int holders = 0;
      for (int number = 0; number < maxDev; number++) {
        if (superblock.role(number) == slot) {
          holders++;
        }
      }
      state.append(
          switch (holders) {
            case 0 -> '.';
            case 1 -> 'A';
            case 2 -> 'R';
            default -> '?';
          });
    }
    return state.toString();
  }
}
