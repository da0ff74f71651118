package io.nbdmirror.raid.bitmap;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.UUID;

/**
 * A bitmap to be. Immutable.
 *
 * @param uuid the array's
 * @param sizeBytes the array's, in whole sectors
 * @param chunkBytes bytes of the array for each bit
 * @param daemonSleepSeconds how often idle bits are cleared
 * @param writeBehind how many writes may be outstanding on write-mostly members
 */
public record NewBitmap(
    UUID uuid, long sizeBytes, long chunkBytes, int daemonSleepSeconds, int writeBehind) {
  public static final int DEFAULT_DAEMON_SLEEP_SECONDS = 5;

  /** Least chunk that mdadm takes, in bytes. */
  public static final long MIN_CHUNK_BYTES = 4096;

  /** The largest power of two that fits the bitmap superblock's 32 bits. */
  public static final long MAX_CHUNK_BYTES = 1L << 31;

  private static final int SECTOR_BYTES = 512;
  private static final long MAX_FILE_CHUNKS = 1 << 20;

  /** The same for an array of another size. */
  public NewBitmap withSize(long bytes) {
    return new NewBitmap(uuid, bytes, chunkBytes, daemonSleepSeconds, writeBehind);
  }

  /** The same with half as many bits. */
  public NewBitmap withDoubledChunk() {
    return new NewBitmap(uuid, sizeBytes, 2 * chunkBytes, daemonSleepSeconds, writeBehind);
  }

  public BitmapGeometry geometry() {
    return new BitmapGeometry(sizeBytes, chunkBytes);
  }

  /** mdadm's choice of bytes a bit for a bitmap in a file: 4096 doubled until 2^20 bits do. */
  public static long fileChunkBytes(long sizeBytes) {
    long chunk = MIN_CHUNK_BYTES;
    while ((sizeBytes - 1) / chunk >= MAX_FILE_CHUNKS) {
      chunk *= 2;
    }
    return chunk;
  }

  /**
   * Why a bit cannot stand for this many bytes, as a sentence; empty when it can.
   *
   * @param leastBytes what the room for the bitmap demands
   */
  public static String chunkProblem(long chunkBytes, long sizeBytes, long leastBytes) {
    if (Long.bitCount(chunkBytes) != 1
        || chunkBytes < MIN_CHUNK_BYTES
        || chunkBytes > MAX_CHUNK_BYTES) {
      return "a bitmap chunk of %d bytes is no power of two from %d to %d"
          .formatted(chunkBytes, MIN_CHUNK_BYTES, MAX_CHUNK_BYTES);
    }
    if (chunkBytes < leastBytes) {
      return "a bitmap chunk of %d bytes is too small for an array of %d bytes: the least is %d"
          .formatted(chunkBytes, sizeBytes, leastBytes);
    }
    return "";
  }

  /** Fills in a superblock that says nothing of what is set. */
  public void describe(BitmapSuperblock superblock) {
    superblock.setMagic(BitmapSuperblock.MAGIC);
    superblock.setVersion(BitmapSuperblock.VERSION_LITTLE_ENDIAN);
    superblock.setUuid(uuid);
    superblock.setSyncSize(sizeBytes / SECTOR_BYTES);
    superblock.setChunksize(chunkBytes);
    superblock.setDaemonSleep(daemonSleepSeconds);
    superblock.setWriteBehind(writeBehind);
  }

  /**
   * Its bytes with every bit set, so that a first resync copies everything.
   *
   * @param lengthBytes at least {@link BitmapGeometry#storedBytes}; what is more is padding
   */
  public byte[] image(int lengthBytes) {
    byte[] image = new byte[lengthBytes];
    Arrays.fill(image, (byte) 0xff);
    BitmapSuperblock superblock = BitmapSuperblock.blank();
    describe(superblock);
    superblock.copyTo(ByteBuffer.wrap(image), 0);
    return image;
  }
}
