package io.nbdmirror.bitmap.format;

/**
 * Which bit stands for which bytes of the array, and where on the medium that bit lies: bit {@code
 * i} is bit {@code i % 8} of byte {@code 256 + i / 8}. Pages are 4096 bytes; the first holds the
 * superblock and bits 0 to 30719, each further one 32768 bits. Immutable.
 *
 * @param sizeBytes size of the array
 * @param chunkBytes bytes one bit stands for, a power of two
 */
public record BitmapGeometry(long sizeBytes, long chunkBytes) {
  /** Bytes of a page. */
  public static final int PAGE_BYTES = 4096;

  private static final int SUPERBLOCK_BITS = BitmapSuperblock.BYTES * 8;
  private static final int PAGE_BITS = PAGE_BYTES * 8;
  private static final int PAGE_BITS_LOG = Integer.numberOfTrailingZeros(PAGE_BITS);

  public BitmapGeometry {
    if (sizeBytes <= 0 || Long.bitCount(chunkBytes) != 1 || chunkBytes < 512) {
      throw new IllegalArgumentException(
          "no bitmap for %d bytes in chunks of %d".formatted(sizeBytes, chunkBytes));
    }
    if ((sizeBytes - 1) / chunkBytes >= Integer.MAX_VALUE - PAGE_BITS) {
      throw new IllegalArgumentException(
          "a bitmap for %d bytes in chunks of %d has too many bits"
              .formatted(sizeBytes, chunkBytes));
    }
  }

  /** How many bits there are. */
  public int chunks() {
    return (int) ((sizeBytes - 1) / chunkBytes + 1);
  }

  /** The chunk that holds the byte at {@code offsetBytes} of the array. */
  public int chunkAt(long offsetBytes) {
    return (int) (offsetBytes >>> Long.numberOfTrailingZeros(chunkBytes));
  }

  /** Offset in the array of a chunk's first byte. */
  public long chunkStartBytes(int chunk) {
    return chunk * chunkBytes;
  }

  /** Offset in the array of the byte behind a chunk; the last chunk ends with the array. */
  public long chunkEndBytes(int chunk) {
    return Math.min((chunk + 1L) * chunkBytes, sizeBytes);
  }

  /** Bytes on the medium, the superblock with them: exactly as many as a bitmap file has. */
  public long storedBytes() {
    return BitmapSuperblock.BYTES + (chunks() + 7L) / 8;
  }

  /** How many pages that takes; the last may be partly used. */
  public int pages() {
    return (int) ((storedBytes() + PAGE_BYTES - 1) / PAGE_BYTES);
  }

  /** The page that holds a chunk's bit. */
  public int pageOf(int chunk) {
    return (int) ((chunk + (long) SUPERBLOCK_BITS) >>> PAGE_BITS_LOG);
  }

  /** The bit's number within its page, the superblock counted with it on the first. */
  public int bitInPage(int chunk) {
    return (int) ((chunk + (long) SUPERBLOCK_BITS) & (PAGE_BITS - 1));
  }

  /** The first chunk whose bit lies on {@code page}. */
  public int firstChunkOf(int page) {
    return page == 0 ? 0 : (int) ((long) page * PAGE_BITS - SUPERBLOCK_BITS);
  }

  /** The chunk behind the last whose bit lies on {@code page}. */
  public int endChunkOf(int page) {
    return page + 1 < pages() ? firstChunkOf(page + 1) : chunks();
  }

  /** Bytes of {@code page} that are the bitmap's: 4096 but for the last. */
  public int usedBytesOf(int page) {
    return (int) Math.min(PAGE_BYTES, storedBytes() - (long) page * PAGE_BYTES);
  }
}
