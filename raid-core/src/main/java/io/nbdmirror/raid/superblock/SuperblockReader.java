package io.nbdmirror.raid.superblock;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.superblock.SuperblockException.Problem;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Finds a device's superblock: version 1.2 at 4 KiB, 1.1 at the start, 1.0 near the end. Used on
 * the device's loop.
 */
public final class SuperblockReader {
  /** Told once; exactly one of the two is not null. */
  @FunctionalInterface
  public interface Completion {
    void completed(@Nullable MdSuperblock superblock, @Nullable SuperblockException failure);
  }

  /** Told once; {@code foundAt} is in sectors from the start of the device. */
  @FunctionalInterface
  interface Located {
    void completed(
        @Nullable MdSuperblock superblock, long foundAt, @Nullable SuperblockException failure);
  }

  private static final int[] MINOR_VERSIONS = {2, 1, 0};

  private final BlockDevice device;
  private final boolean check;
  private final Located done;
  private int next;

  private SuperblockReader(BlockDevice device, boolean check, Located done) {
    this.device = device;
    this.check = check;
    this.done = done;
  }

  /** Reads and {@linkplain SuperblockCheck checks} the superblock. */
  public static void read(BlockDevice device, Completion done) {
    new SuperblockReader(
            device, true, (superblock, foundAt, failure) -> done.completed(superblock, failure))
        .tryNext();
  }

  /** Reads whatever has the magic number, however damaged: for looking at, not for use. */
  public static void readUnchecked(BlockDevice device, Completion done) {
    locate(device, (superblock, foundAt, failure) -> done.completed(superblock, failure));
  }

  /** As {@link #readUnchecked}, telling where. */
  static void locate(BlockDevice device, Located done) {
    new SuperblockReader(device, false, done).tryNext();
  }

  /**
   * Where a superblock of version 1.{@code minor} lies, in sectors from the start of the device;
   * negative when the device is too small to have one.
   */
  public static long superOffset(int minor, long deviceBytes) {
    long sectors = deviceBytes / MdSuperblock.SECTOR_BYTES;
    return switch (minor) {
      case 0 -> sectors < 16 ? -1 : sectors - 16 & ~7L;
      case 1 -> 0;
      case 2 -> 8;
      default -> throw new IllegalArgumentException("metadata version 1." + minor);
    };
  }

  private void tryNext() {
    while (next < MINOR_VERSIONS.length) {
      long at = superOffset(MINOR_VERSIONS[next++], device.sizeBytes()) * MdSuperblock.SECTOR_BYTES;
      if (at >= 0
          && at + MdSuperblock.BYTES <= device.sizeBytes()
          && at % device.blockBytes() == 0) {
        readAt(at);
        return;
      }
    }
    done.completed(
        null,
        -1,
        new SuperblockException(
            Problem.ABSENT,
            device.path() + " carries no md superblock: it is no member of an array"));
  }

  private void readAt(long offsetBytes) {
    ByteBuf buffer =
        PooledByteBufAllocator.DEFAULT.directBuffer(MdSuperblock.BYTES, MdSuperblock.BYTES);
    device.read(
        offsetBytes,
        buffer,
        0,
        MdSuperblock.BYTES,
        failure -> {
          ByteBuffer bytes = ByteBuffer.allocate(MdSuperblock.BYTES);
          buffer.getBytes(0, bytes);
          buffer.release();
          read(offsetBytes, MdSuperblock.wrap(bytes), failure);
        });
  }

  private void read(long offsetBytes, MdSuperblock superblock, @Nullable DeviceException failure) {
    long foundAt = offsetBytes / MdSuperblock.SECTOR_BYTES;
    if (failure != null) {
      done.completed(
          null,
          -1,
          new SuperblockException(Problem.UNREADABLE, String.valueOf(failure.getMessage())));
    } else if (superblock.magic() != MdSuperblock.MAGIC) {
      tryNext();
    } else if (!check) {
      done.completed(superblock, foundAt, null);
    } else {
      SuperblockException problem =
          SuperblockCheck.problemOf(superblock, device.path(), foundAt, device.sizeBytes());
      done.completed(problem == null ? superblock : null, foundAt, problem);
    }
  }
}
