package io.nbdmirror.raid.simulation;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.io.simulation.SimulatedDevice;
import java.nio.ByteBuffer;

/** What a bitmap says, as it lies on a disk. */
final class BitmapOnDisk {
  private final byte[] bytes;
  private final BitmapSuperblock superblock;

  private BitmapOnDisk(byte[] bytes) {
    this.bytes = bytes;
    superblock = BitmapSuperblock.wrap(ByteBuffer.wrap(bytes));
  }

  /** The copy at {@code start}. */
  static BitmapOnDisk of(SimulatedDevice disk, long start, boolean durable) {
    BitmapSuperblock superblock =
        BitmapSuperblock.wrap(ByteBuffer.wrap(read(disk, start, Pattern.SECTOR, durable)));
    long stored = Pattern.SECTOR;
    if (superblock.magic() == BitmapSuperblock.MAGIC && superblock.chunksize() >= Pattern.SECTOR) {
      long size = superblock.syncSize() * Pattern.SECTOR;
      long chunks = (size + superblock.chunksize() - 1) / superblock.chunksize();
      stored = BitmapSuperblock.BYTES + (chunks + 7) / 8;
    }
    long sectors = (stored + Pattern.SECTOR - 1) / Pattern.SECTOR * Pattern.SECTOR;
    int length = (int) Math.min(sectors, disk.sizeBytes() - start);
    return new BitmapOnDisk(read(disk, start, length, durable));
  }

  private static byte[] read(SimulatedDevice disk, long start, int length, boolean durable) {
    return durable ? disk.readDurable(start, length) : disk.readNow(start, length);
  }

  /** Bytes of the array that a bit stands for. */
  long chunkBytes() {
    return superblock.chunksize();
  }

  /** Bytes of the array that it is for. */
  long sizeBytes() {
    return superblock.syncSize() * Pattern.SECTOR;
  }

  /** Bits may have been cleared up to this event. */
  long eventsCleared() {
    return superblock.eventsCleared();
  }

  boolean isBitmap() {
    return superblock.magic() == BitmapSuperblock.MAGIC;
  }

  /** Whether assembly would believe it, if that is the freshest superblock. */
  boolean isTrusted(OnDisk freshest, boolean inFile) {
    long ahead = superblock.events() - freshest.events();
    return isBitmap()
        && sizeBytes() == freshest.sizeBytes()
        && (superblock.state() & BitmapSuperblock.STATE_STALE) == 0
        && ahead >= 0
        && (!inFile || ahead <= 1);
  }

  /**
   * The bit for that byte of the array, looked up byte by byte as the format has it. Nothing is
   * covered that lies behind the array it is for.
   */
  boolean covers(long offsetBytes) {
    if (offsetBytes >= sizeBytes()) {
      return false;
    }
    long chunk = offsetBytes / superblock.chunksize();
    int at = (int) (BitmapSuperblock.BYTES + chunk / 8);
    return (bytes[at] & (1 << (chunk % 8))) != 0;
  }
}
