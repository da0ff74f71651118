package io.nbdmirror.raid.creation;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * Durable writes to one or more devices, each begun when the one before it is on the medium; the
 * first failure ends them. Used on the devices' loop.
 */
final class Overwrites {
  /** Zeroes where {@code bytes} is null. */
  private record Overwrite(
      BlockDevice device, long offsetBytes, @Nullable ByteBuffer bytes, long lengthBytes) {}

  private final Queue<Overwrite> queue = new ArrayDeque<>();
  private int written;

  /** How many are durable. */
  int written() {
    return written;
  }

  void bytes(BlockDevice device, long offsetBytes, byte[] bytes) {
    queue.add(new Overwrite(device, offsetBytes, ByteBuffer.wrap(bytes), bytes.length));
  }

  void zeroes(BlockDevice device, long offsetBytes, long lengthBytes) {
    queue.add(new Overwrite(device, offsetBytes, null, lengthBytes));
  }

  /** Completes when all are durable or one failed. */
  void run(Completion done) {
    Overwrite next = queue.poll();
    if (next == null) {
      done.completed(null);
    } else if (next.bytes() == null) {
      next.device()
          .writeZeroes(
              next.offsetBytes(),
              next.lengthBytes(),
              false,
              true,
              failure -> afterwards(failure, done));
    } else {
      write(next, next.bytes(), done);
    }
  }

  private void write(Overwrite next, ByteBuffer bytes, Completion done) {
    int length = bytes.remaining();
    ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(length, length);
    buffer.setBytes(0, bytes);
    next.device()
        .write(
            next.offsetBytes(),
            buffer,
            0,
            length,
            true,
            failure -> {
              buffer.release();
              afterwards(failure, done);
            });
  }

  private void afterwards(@Nullable DeviceException failure, Completion done) {
    if (failure != null) {
      done.completed(failure);
    } else {
      written++;
      run(done);
    }
  }
}
