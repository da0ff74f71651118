package io.nbdmirror.bitmap.format;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Reads a whole bitmap from a device, to be looked at. Used on the device's loop. */
public final class StoredBitmapReader {
  /** Told once; exactly one of the two is not null. */
  @FunctionalInterface
  public interface Completion {
    void completed(@Nullable StoredBitmap bitmap, @Nullable DeviceException failure);
  }

  private static final int PIECE_BYTES = 1 << 20;

  private final BlockDevice device;
  private final long startBytes;
  private final Completion done;
  private @Nullable StoredBitmap bitmap;
  private long nextBytes;
  private long endBytes;

  private StoredBitmapReader(BlockDevice device, long startBytes, Completion done) {
    this.device = device;
    this.startBytes = startBytes;
    this.done = done;
    nextBytes = startBytes;
    endBytes = device.sizeBytes();
  }

  /**
   * Reads the bitmap that begins at {@code offsetBytes}. A device that ends before it leaves the
   * rest of its bits unknown; what is no bitmap is a failure that says so.
   */
  public static void read(BlockDevice device, long offsetBytes, Completion done) {
    StoredBitmapReader reader = new StoredBitmapReader(device, offsetBytes, done);
    if (offsetBytes < 0
        || offsetBytes % device.blockBytes() != 0
        || offsetBytes > device.sizeBytes() - BitmapSuperblock.BYTES) {
      reader.fail("it would lie at byte %d of %d".formatted(offsetBytes, device.sizeBytes()));
    } else {
      reader.readNext();
    }
  }

  private void readNext() {
    StoredBitmap read = bitmap;
    if (read != null && nextBytes >= endBytes) {
      done.completed(read, null);
      return;
    }
    long left = endBytes - nextBytes;
    int length = (int) Math.min(left, read == null ? BitmapGeometry.PAGE_BYTES : PIECE_BYTES);
    ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(length, length);
    device.read(
        nextBytes,
        buffer,
        0,
        length,
        failure -> {
          ByteBuffer bytes = ByteBuffer.allocate(length);
          buffer.getBytes(0, bytes);
          buffer.release();
          if (failure != null) {
            done.completed(null, failure);
          } else {
            nextBytes += length;
            take(bytes.flip());
          }
        });
  }

  private void take(ByteBuffer bytes) {
    StoredBitmap read = bitmap;
    if (read == null) {
      BitmapSuperblock superblock = BitmapSuperblock.wrap(bytes);
      String problem = superblock.problem();
      if (problem != null) {
        fail(problem);
        return;
      }
      read = new StoredBitmap(superblock);
      bitmap = read;
      bytes.position(BitmapSuperblock.BYTES);
      long block = device.blockBytes();
      long stored = (read.geometry().storedBytes() + block - 1) / block * block;
      endBytes = Math.min(device.sizeBytes(), startBytes + stored);
    }
    read.add(bytes);
    readNext();
  }

  private void fail(String reason) {
    done.completed(
        null,
        new DeviceException(
            Errno.EINVAL,
            "%s carries no write-intent bitmap that can be read: %s"
                .formatted(device.path(), reason)));
  }
}
