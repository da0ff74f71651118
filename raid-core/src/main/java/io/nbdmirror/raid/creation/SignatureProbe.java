package io.nbdmirror.raid.creation;

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
 * Finds what a device carries: md superblocks of any version, partition tables, filesystems and
 * other signatures. Reads the device's head and tail, writes nothing. Used on the device's loop.
 */
public final class SignatureProbe {
  /** Told once; {@code found} is empty on failure. */
  @FunctionalInterface
  public interface Completion {
    void completed(List<Signature> found, @Nullable DeviceException failure);
  }

  /** Holds everything that has a place near the start; ZFS labels reach furthest. */
  private static final int HEAD_BYTES = 256 << 10;

  private static final int TAIL_BYTES = 256 << 10;

  private final BlockDevice device;
  private final Completion done;

  private SignatureProbe(BlockDevice device, Completion done) {
    this.device = device;
    this.done = done;
  }

  /** Reads and looks; a device shorter than a superblock carries nothing. */
  public static void probe(BlockDevice device, Completion done) {
    if (device.sizeBytes() < MdSuperblock.BYTES) {
      done.completed(List.of(), null);
      return;
    }
    new SignatureProbe(device, done).readHead();
  }

  private void readHead() {
    int length = (int) Math.min(HEAD_BYTES, device.sizeBytes());
    read(0, length, head -> readTail(head));
  }

  private void readTail(ByteBuffer head) {
    int length = (int) Math.min(TAIL_BYTES, device.sizeBytes());
    long from = device.sizeBytes() - length;
    read(
        from,
        length,
        tail ->
            done.completed(
                new SignatureScan(head, tail, from, device.sizeBytes()).signatures(), null));
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
            done.completed(List.of(), failure);
          } else {
            next.accept(bytes.flip());
          }
        });
  }
}
