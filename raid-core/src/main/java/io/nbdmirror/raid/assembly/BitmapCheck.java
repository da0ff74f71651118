package io.nbdmirror.raid.assembly;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.raid.superblock.MdSuperblock;
import org.jspecify.annotations.Nullable;

/** What is wrong with a bitmap that an array is to be assembled with (md.md 1.1, 1.4). */
final class BitmapCheck {
  /** More bits are not worth holding: a bitmap of 128 MiB. */
  private static final long MAX_CHUNKS = 1L << 30;

  private BitmapCheck() {}

  /** Why it cannot be used at all, as a sentence goes on after "cannot be used:". */
  static @Nullable String problem(BitmapSuperblock superblock, long sizeBytes) {
    if (superblock.magic() != BitmapSuperblock.MAGIC) {
      return "it does not begin with a bitmap's magic number";
    }
    switch (superblock.version()) {
      // Version 3 has the host's bit order, which is little-endian wherever we run.
      case BitmapSuperblock.VERSION_LITTLE_ENDIAN, BitmapSuperblock.VERSION_HOST_ENDIAN -> {}
      case BitmapSuperblock.VERSION_CLUSTERED -> {
        return "it is a cluster's (version 5), which only the cluster's own nodes may use";
      }
      case BitmapSuperblock.VERSION_LOCKLESS -> {
        return "it is a lockless one (llbitmap, version 6), which only newer Linux kernels use";
      }
      default -> {
        return "its version " + superblock.version() + " is not known";
      }
    }
    long chunk = superblock.chunksize();
    if (Long.bitCount(chunk) != 1 || chunk < MdSuperblock.SECTOR_BYTES) {
      return "its chunk of " + chunk + " bytes is no power of two from 512 up";
    }
    if ((sizeBytes - 1) / chunk >= MAX_CHUNKS) {
      return "its chunk of " + chunk + " bytes is too small for the array";
    }
    return null;
  }

  /**
   * Why its bits say nothing, as a sentence goes on after "is stale:"; null when they do.
   *
   * @param inFile kept apart from the members: it may also be too new for them (I10)
   */
  static @Nullable String staleness(
      BitmapSuperblock superblock, long sizeBytes, long events, boolean inFile) {
    if ((superblock.state() & BitmapSuperblock.STATE_STALE) != 0) {
      return "it is marked so";
    }
    long own = superblock.events();
    if (Long.compareUnsigned(own, events) < 0) {
      return "it is at event %s, the array at %s".formatted(text(own), text(events));
    }
    if (inFile && Long.compareUnsigned(own - events, 1) > 0) {
      return "it is at event %s, and the members given only at %s"
          .formatted(text(own), text(events));
    }
    long sectors = sizeBytes / MdSuperblock.SECTOR_BYTES;
    if (superblock.syncSize() != sectors) {
      return "it stands for %s sectors, and the array has %d"
          .formatted(text(superblock.syncSize()), sectors);
    }
    return null;
  }

  private static String text(long unsigned) {
    return Long.toUnsignedString(unsigned);
  }

  /** Why the medium is too short for the bitmap; null when it is not. */
  static @Nullable String shortness(BitmapGeometry geometry, long availableBytes) {
    return geometry.storedBytes() <= availableBytes
        ? null
        : "it has %d bytes, and a bitmap for this array in chunks of %d takes %d"
            .formatted(availableBytes, geometry.chunkBytes(), geometry.storedBytes());
  }
}
