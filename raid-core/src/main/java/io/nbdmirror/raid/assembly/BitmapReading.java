package io.nbdmirror.raid.assembly;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Reads a bitmap's superblock, and its pages in pieces. Used on the device's loop.
 *
 * @param startBytes where the bitmap begins on the device
 */
record BitmapReading(BlockDevice device, long startBytes) {
  /** Told once; exactly one of the two is not null. */
  @FunctionalInterface
  interface SuperblockCompletion {
    void completed(@Nullable BitmapSuperblock superblock, @Nullable DeviceException failure);
  }

  private static final int PIECE_PAGES = 256;

  /** Bytes from the bitmap's start to the end of the device. */
  long availableBytes() {
    return device.sizeBytes() - startBytes;
  }

  /** Reads the superblock; the device must have that much. */
  void superblock(SuperblockCompletion done) {
    int length = (int) Math.min(BitmapGeometry.PAGE_BYTES, availableBytes());
    ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(length, length);
    device.read(
        startBytes,
        buffer,
        0,
        length,
        failure -> {
          BitmapSuperblock superblock = null;
          if (failure == null) {
            ByteBuffer copy = ByteBuffer.allocate(BitmapSuperblock.BYTES);
            buffer.getBytes(0, copy);
            superblock = BitmapSuperblock.wrap(copy.flip());
          }
          buffer.release();
          done.completed(superblock, failure);
        });
  }

  /** Reads all pages; after a failure some of them are loaded. */
  void pages(BitmapPages pages, Completion done) {
    piece(pages, 0, done);
  }

  private void piece(BitmapPages pages, int first, Completion done) {
    int end = Math.min(pages.count(), first + PIECE_PAGES);
    if (first == end) {
      done.completed(null);
      return;
    }
    long from = (long) first * BitmapGeometry.PAGE_BYTES;
    int unit = Math.max(device.blockBytes(), 512);
    long used = Math.min(pages.geometry().storedBytes(), (long) end * BitmapGeometry.PAGE_BYTES);
    long rounded = (used - from + unit - 1) / unit * unit;
    int length = (int) Math.min(rounded, availableBytes() - from);
    ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(length, length);
    device.read(
        startBytes + from,
        buffer,
        0,
        length,
        failure -> {
          if (failure == null) {
            for (int page = first; page < end; page++) {
              pages.load(page, buffer, (page - first) * BitmapGeometry.PAGE_BYTES);
            }
          }
          buffer.release();
          if (failure == null) {
            piece(pages, end, done);
          } else {
            done.completed(failure);
          }
        });
  }
}
