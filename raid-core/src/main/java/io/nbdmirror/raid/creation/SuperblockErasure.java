package io.nbdmirror.raid.creation;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.SuperblockReader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Makes a member of an array a plain device again: erases md superblocks of every version at their
 * places, and the superblock of the internal bitmap. The data stays.
 */
public final class SuperblockErasure {
  /** Told once, on the loop; {@code erased} names what went, and is empty on failure. */
  @FunctionalInterface
  public interface Completion {
    void completed(List<String> erased, @Nullable CreationException failure);
  }

  private final BlockDevice device;
  private final Completion done;
  private final WriteSequence writes = new WriteSequence();
  private final List<String> erased = new ArrayList<>();

  private SuperblockErasure(BlockDevice device, Completion done) {
    this.device = device;
    this.done = done;
  }

  /** Erases; called on the device's loop. A device without a superblock is a failure. */
  public static void erase(BlockDevice device, Completion done) {
    new SuperblockErasure(device, done).start();
  }

  private void start() {
    SignatureProbe.probe(
        device,
        (found, failure) -> {
          if (failure != null) {
            fail(failure);
            return;
          }
          List<Signature> superblocks = found.stream().filter(Signature::isMd).toList();
          if (superblocks.isEmpty()) {
            done.completed(
                List.of(),
                new CreationException(
                    device.path() + " carries no md superblock: nothing was erased"));
          } else {
            next(superblocks, 0);
          }
        });
  }

  private void next(List<Signature> superblocks, int index) {
    if (index == superblocks.size()) {
      writes.run((begun, failure) -> {
        if (failure != null) {
          fail(failure);
        } else {
          done.completed(List.copyOf(erased), null);
        }
      });
      return;
    }
    Signature signature = superblocks.get(index);
    erased.add("%s at byte %d".formatted(signature.what(), signature.offsetBytes()));
    read(
        signature.offsetBytes(),
        MdSuperblock.BYTES,
        bytes -> plan(signature, MdSuperblock.wrap(bytes), () -> next(superblocks, index + 1)));
  }

  /** The bitmap first: a superblock without its bitmap asks for a full resync at worst. */
  private void plan(Signature signature, MdSuperblock superblock, Runnable then) {
    long at = signature.offsetBytes();
    long bitmapBytes = at + (long) superblock.bitmapOffset() * MdSuperblock.SECTOR_BYTES;
    boolean mayHaveBitmap =
        superblock.majorVersion() == 1
            && superblock.hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET)
            && isSuperblockPlace(at)
            && bitmapBytes >= 0
            && bitmapBytes <= device.sizeBytes() - MdSuperblock.BYTES
            && bitmapBytes % device.blockBytes() == 0;
    if (!mayHaveBitmap) {
      writes.erase(device, at, MdSuperblock.BYTES);
      then.run();
      return;
    }
    read(
        bitmapBytes,
        MdSuperblock.BYTES,
        bytes -> {
          if (BitmapSuperblock.wrap(bytes).magic() == BitmapSuperblock.MAGIC) {
            writes.erase(device, bitmapBytes, BitmapSuperblock.BYTES);
            erased.add("its write-intent bitmap at byte " + bitmapBytes);
          }
          writes.erase(device, at, MdSuperblock.BYTES);
          then.run();
        });
  }

  private boolean isSuperblockPlace(long offsetBytes) {
    for (int minor = 0; minor <= 2; minor++) {
      if (SuperblockReader.superOffset(minor, device.sizeBytes()) * MdSuperblock.SECTOR_BYTES
          == offsetBytes) {
        return true;
      }
    }
    return false;
  }

  private void read(long offsetBytes, int lengthBytes, Consumer<ByteBuffer> then) {
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
            fail(failure);
          } else {
            then.accept(bytes.flip());
          }
        });
  }

  private void fail(DeviceException failure) {
    done.completed(List.of(), new CreationException(String.valueOf(failure.getMessage())));
  }
}
