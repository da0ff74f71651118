package io.nbdmirror.raid.member;

import io.nbdmirror.raid.superblock.MdSuperblock;

/**
 * What a member's superblock says about the data it lacks (md.md 1.2, 1.4): nothing, everything
 * from an offset on, or the chunks that the bitmap marks.
 */
public final class Recovery {
  private static final int RECOVERY =
      MdSuperblock.FEATURE_RECOVERY_OFFSET | MdSuperblock.FEATURE_RECOVERY_BITMAP;

  private Recovery() {}

  /** It has all data, or it is a spare. */
  public static void none(MdSuperblock superblock) {
    superblock.setFeatureMap(
        superblock.featureMap() & ~(RECOVERY | MdSuperblock.FEATURE_REPLACEMENT));
    superblock.setRecoveryOffset(0);
  }

  /** It lacks everything from {@code sectors} on, and what the bitmap marks before that. */
  public static void from(MdSuperblock superblock, long sectors) {
    superblock.setFeatureMap(
        (superblock.featureMap() & ~MdSuperblock.FEATURE_RECOVERY_BITMAP)
            | MdSuperblock.FEATURE_RECOVERY_OFFSET);
    superblock.setRecoveryOffset(sectors);
  }

  /** It lacks everything, and is to take the place of the one in its slot when it has it. */
  public static void asReplacement(MdSuperblock superblock) {
    from(superblock, 0);
    markReplacement(superblock);
  }

  /** It is to take the place of the one in its slot when it has all data. */
  public static void markReplacement(MdSuperblock superblock) {
    superblock.setFeatureMap(superblock.featureMap() | MdSuperblock.FEATURE_REPLACEMENT);
  }

  /** It lacks what the bitmap marks; whoever says so knows that no bit was cleared meanwhile. */
  public static void byBitmap(MdSuperblock superblock) {
    superblock.setFeatureMap(superblock.featureMap() | RECOVERY);
    superblock.setRecoveryOffset(0);
  }

  /** Whether it lacks no more than the bitmap marks. */
  public static boolean isByBitmap(MdSuperblock superblock) {
    return superblock.hasFeature(MdSuperblock.FEATURE_RECOVERY_BITMAP);
  }
}
