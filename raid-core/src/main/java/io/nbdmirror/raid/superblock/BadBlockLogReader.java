package io.nbdmirror.raid.superblock;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads a member's bad-block log, if its superblock says that there is one. */
public final class BadBlockLogReader {
  /** Told once, on the device's loop; the list is empty on failure. */
  @FunctionalInterface
  public interface Completion {
    void completed(List<BadBlockLog.Entry> entries, @Nullable DeviceException failure);
  }

  private BadBlockLogReader() {}

  /**
   * Reads it.
   *
   * @param foundAt where the superblock lies, in sectors from the start of the device
   */
  public static void read(
      BlockDevice device, MdSuperblock superblock, long foundAt, Completion done) {
    if (!superblock.hasFeature(MdSuperblock.FEATURE_BAD_BLOCKS)) {
      done.completed(List.of(), null);
      return;
    }
    long from = (foundAt + superblock.bblogOffset()) * MdSuperblock.SECTOR_BYTES;
    int length = superblock.bblogSize() * MdSuperblock.SECTOR_BYTES;
    int block = device.blockBytes();
    if (length == 0
        || from < 0
        || from > device.sizeBytes() - length
        || from % block != 0
        || length % block != 0) {
      done.completed(
          List.of(),
          new DeviceException(
              Errno.EINVAL,
              "the bad-block log of %s would be %d bytes at offset %d, which cannot be"
                  .formatted(device.path(), length, from)));
      return;
    }
    ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(length, length);
    device.read(
        from,
        buffer,
        0,
        length,
        failure -> {
          ByteBuffer bytes = ByteBuffer.allocate(length);
          buffer.getBytes(0, bytes);
          buffer.release();
          done.completed(
              failure == null
                  ? BadBlockLog.decode(bytes.flip(), superblock.bblogShift())
                  : List.of(),
              failure);
        });
  }
}
