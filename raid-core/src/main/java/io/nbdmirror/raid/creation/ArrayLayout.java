package io.nbdmirror.raid.creation;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.raid.bitmap.NewBitmap;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where mdadm puts things when it creates an array (its super1.c; md.md 1.3). Sizes and offsets are
 * in sectors of 512 bytes unless they say bytes. Immutable.
 *
 * @param dataOffset from the start of every member
 * @param size used on every member
 * @param bitmapChunkBytes 0 without a bitmap
 * @param bitmapOffset from the superblock
 * @param bitmapSectors set aside for the bitmap, in whole pages
 */
public record ArrayLayout(
    int minorVersion,
    long dataOffset,
    long size,
    long bitmapChunkBytes,
    int bitmapOffset,
    int bitmapSectors) {

  /** A member's name for messages, and its size. */
  public record Device(String path, long sectors) {}

  /**
   * The part of a layout that depends on a member's own size.
   *
   * @param bblogOffset from the superblock
   */
  public record OfMember(long superOffset, long dataSize, int bblogSize, int bblogOffset) {}

  private static final long MIB = 2048;
  private static final long GIB = 1024 * MIB;
  private static final int PAGE = BitmapGeometry.PAGE_BYTES / MdSuperblock.SECTOR_BYTES;
  private static final int BBLOG = PAGE;

  /** What the kernel demands of data_size. */
  private static final long MIN_DATA = 10;

  private static final long DEFAULT_CHUNK_BYTES = 64 << 20;

  private static final int MAX_BITMAP = 256;

  /**
   * Lays out an array over these devices.
   *
   * @param devices in the order of their slots, missing ones left out: as in mdadm, the first one's
   *     size decides the data offset for all
   */
  static ArrayLayout of(NewArray array, List<Device> devices) throws CreationException {
    int minor = array.minorVersion();
    long dataOffset = minor == 0 ? 0 : dataOffset(devices.getFirst().sectors());
    Device smallest = null;
    long least = Long.MAX_VALUE;
    for (Device device : devices) {
      long free = freeOn(device, minor, dataOffset) & ~1L;
      if (free < MIN_DATA) {
        throw new CreationException(
            "%s with %d bytes is too small to be a member: its metadata takes %d bytes"
                .formatted(
                    device.path(),
                    device.sectors() * MdSuperblock.SECTOR_BYTES,
                    (device.sectors() - free) * MdSuperblock.SECTOR_BYTES));
      }
      if (free < least) {
        least = free;
        smallest = device;
      }
    }
    long size = sizeOf(array, smallest, least);
    if (array.bitmap() != NewArray.Bitmap.INTERNAL) {
      long fileChunkBytes =
          array.bitmap() == NewArray.Bitmap.FILE ? fileChunkBytes(array, size) : 0;
      return new ArrayLayout(minor, dataOffset, size, fileChunkBytes, 0, 0);
    }
    long chunkBytes = chunkBytes(array, size);
    long storedBytes =
        new BitmapGeometry(size * MdSuperblock.SECTOR_BYTES, chunkBytes).storedBytes();
    int sectors = Math.toIntExact((storedBytes + 4095) / BitmapGeometry.PAGE_BYTES * PAGE);
    int offset = minor == 0 ? -roomBefore(size, chunkBytes) - BBLOG : PAGE;
    return new ArrayLayout(minor, dataOffset, size, chunkBytes, offset, sectors);
  }

  private static long sizeOf(NewArray array, @Nullable Device smallest, long least)
      throws CreationException {
    long size = array.sizeSectors() == 0 ? least : array.sizeSectors();
    if (size > least && smallest != null) {
      throw new CreationException(
          "%s has room for %d bytes of data, and %d are wanted"
              .formatted(smallest.path(), least * MdSuperblock.SECTOR_BYTES, array.sizeBytes()));
    }
    if (size < MIN_DATA) {
      throw new CreationException("a size of %d bytes is too small".formatted(array.sizeBytes()));
    }
    return size;
  }

  /** Room that mdadm keeps for a bitmap on a device, or for an array, of this size. */
  public static int bitmapSpace(long sectors) {
    if (sectors < 128) {
      return 0;
    }
    if (sectors - 128 >= 200 * GIB) {
      return 256;
    }
    return sectors - 8 > 8 * GIB ? 128 : 8;
  }

  /** Superblock, bitmap and headroom for a later reshape, in whole mebibytes. */
  static long dataOffset(long deviceSectors) {
    long headroom = 128 * MIB;
    while (headroom << 10 > deviceSectors) {
      headroom >>= 1;
    }
    long offset = 24 + bitmapSpace(deviceSectors) + headroom;
    return (offset + MIB - 1) / MIB * MIB;
  }

  private static long freeOn(Device device, int minor, long dataOffset) {
    return minor == 0
        ? (device.sectors() & -PAGE) - 16 - BBLOG - bitmapSpace(device.sectors())
        : device.sectors() - dataOffset;
  }

  private static long chunkBytes(NewArray array, long size) throws CreationException {
    int room = Math.min(bitmapSpace(size), MAX_BITMAP);
    if (room == 0) {
      throw new CreationException(
          "an array of %d bytes has no room for a bitmap: use --bitmap none"
              .formatted(size * MdSuperblock.SECTOR_BYTES));
    }
    long maxBits = (room * 512L - 256) * 8;
    long least = NewBitmap.MIN_CHUNK_BYTES;
    for (long bits = size * 512 / least + 1; bits > maxBits; bits = (bits + 1) / 2) {
      least *= 2;
    }
    long chunk = array.bitmapChunkBytes();
    return chunk == 0
        ? Math.max(least, DEFAULT_CHUNK_BYTES)
        : checked(chunk, size * MdSuperblock.SECTOR_BYTES, least);
  }

  private static long fileChunkBytes(NewArray array, long size) throws CreationException {
    long sizeBytes = size * MdSuperblock.SECTOR_BYTES;
    long chunk = array.bitmapChunkBytes();
    return chunk == 0
        ? NewBitmap.fileChunkBytes(sizeBytes)
        : checked(chunk, sizeBytes, NewBitmap.MIN_CHUNK_BYTES);
  }

  private static long checked(long chunkBytes, long sizeBytes, long leastBytes)
      throws CreationException {
    String problem = NewBitmap.chunkProblem(chunkBytes, sizeBytes, leastBytes);
    if (!problem.isEmpty()) {
      throw new CreationException(problem);
    }
    return chunkBytes;
  }

  /** Room for a bitmap before a superblock near the end; one bit more than needed, as in mdadm. */
  private static int roomBefore(long size, long chunkBytes) {
    long bits = size * MdSuperblock.SECTOR_BYTES / chunkBytes + 1;
    return Math.toIntExact(((bits + 7) / 8 + 256 + 4095) / 4096 * PAGE);
  }

  /** Bytes used on each member, which is the array's size. */
  public long sizeBytes() {
    return size * MdSuperblock.SECTOR_BYTES;
  }

  /** Whether it has a bitmap on its members. */
  public boolean hasBitmap() {
    return bitmapSectors != 0;
  }

  /** What it means on a device of this size. The log lies behind the bitmap, or its room. */
  OfMember onDevice(long deviceSectors) {
    int space = hasBitmap() ? bitmapSectors : bitmapSpace(size);
    if (minorVersion == 0) {
      long superOffset = deviceSectors - 16 & -PAGE;
      long before = Math.min(space + BBLOG, superOffset - size);
      return new OfMember(superOffset, superOffset - before, BBLOG, -BBLOG);
    }
    long superOffset = minorVersion == 2 ? 8 : 0;
    return new OfMember(superOffset, deviceSectors - dataOffset, BBLOG, PAGE + space);
  }
}
