package io.nbdmirror.raid.creation;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Makes a member a plain device again: its md superblocks, of whatever version, and the head of the
 * bitmap that belongs to them are zeroed, durably. Data stays. Used on the device's loop.
 */
public final class SuperblockRemoval {
  /** Told once; exactly one of the two is not null. */
  @FunctionalInterface
  public interface Completion {
    /**
     * Takes the outcome.
     *
     * @param removed the superblocks that were there
     * @param failure a {@link CreationException} when there was none, or a {@link DeviceException}
     */
    void completed(@Nullable List<Signature> removed, @Nullable Exception failure);
  }

  private final BlockDevice device;
  private final Completion done;
  private final Overwrites overwrites = new Overwrites();

  private SuperblockRemoval(BlockDevice device, Completion done) {
    this.device = device;
    this.done = done;
  }

  public static void remove(BlockDevice device, Completion done) {
    new SuperblockRemoval(device, done).start();
  }

  private void start() {
    SignatureProbe.probe(
        device,
        (signatures, failure) -> {
          List<Signature> found = signatures.stream().filter(Signature::md).toList();
          if (failure != null) {
            done.completed(null, failure);
          } else if (found.isEmpty()) {
            done.completed(
                null,
                new CreationException(
                    device.path() + " carries no md superblock: there is nothing to zero"));
          } else {
            findBitmap(found, 0);
          }
        });
  }

  private void findBitmap(List<Signature> found, int index) {
    if (index == found.size()) {
      // Last, so that what was interrupted can be begun again.
      for (Signature each : found) {
        overwrites.zeroes(device, each.offsetBytes(), each.lengthBytes());
      }
      overwrites.run(failure -> done.completed(failure == null ? found : null, failure));
      return;
    }
    long superBytes = found.get(index).offsetBytes();
    read(
        superBytes,
        MdSuperblock.BYTES,
        bytes -> {
          MdSuperblock superblock = MdSuperblock.wrap(bytes);
          long bitmapBytes =
              superBytes + (long) superblock.bitmapOffset() * MdSuperblock.SECTOR_BYTES;
          if (superblock.majorVersion() != 1
              || !superblock.hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET)
              || bitmapBytes % device.blockBytes() != 0
              || bitmapBytes < 0
              || bitmapBytes > device.sizeBytes() - MdSuperblock.BYTES) {
            findBitmap(found, index + 1);
          } else {
            checkBitmap(found, index, superblock, bitmapBytes);
          }
        });
  }

  private void checkBitmap(
      List<Signature> found, int index, MdSuperblock superblock, long bitmapBytes) {
    int length = Math.max(MdSuperblock.SECTOR_BYTES, device.blockBytes());
    read(
        bitmapBytes,
        length,
        bytes -> {
          BitmapSuperblock bitmap = BitmapSuperblock.wrap(bytes);
          if (bitmap.magic() == BitmapSuperblock.MAGIC
              && bitmap.uuid().equals(superblock.setUuid())) {
            overwrites.zeroes(device, bitmapBytes, length);
          }
          findBitmap(found, index + 1);
        });
  }

  private void read(long offsetBytes, int lengthBytes, Consumer<ByteBuffer> next) {
    ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(lengthBytes, lengthBytes);
    device.read(
        offsetBytes,
        buffer,
        0,
        lengthBytes,
        failure -> {
          ByteBuffer bytes = ByteBuffer.allocate(lengthBytes);
          buffer.getBytes(0, bytes);
          buffer.release();
          if (failure != null) {
            done.completed(null, failure);
          } else {
            next.accept(bytes.flip());
          }
        });
  }
}
