package io.nbdmirror.raid.creation;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.Queue;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Durable writes to several devices, one after the other; the first that fails ends it. */
final class WriteSequence {
  /** Told once; {@code begun} are the devices that a write was made to, in order. */
  @FunctionalInterface
  interface Done {
    void completed(Set<String> begun, @Nullable DeviceException failure);
  }

  private interface Step {
    void run(Completion done);
  }

  private record Planned(BlockDevice device, Step step) {}

  private final Queue<Planned> steps = new ArrayDeque<>();
  private final Set<String> begun = new LinkedHashSet<>();

  /** Adds a write of all these bytes. */
  void write(BlockDevice device, long offsetBytes, byte[] bytes) {
    steps.add(
        new Planned(
            device,
            done -> {
              ByteBuf buffer =
                  PooledByteBufAllocator.DEFAULT.directBuffer(bytes.length, bytes.length);
              buffer.setBytes(0, bytes);
              device.write(
                  offsetBytes,
                  buffer,
                  0,
                  bytes.length,
                  true,
                  failure -> {
                    buffer.release();
                    done.completed(failure);
                  });
            }));
  }

  /** Adds zeroing of a range of whole blocks. */
  void zero(BlockDevice device, long offsetBytes, long lengthBytes) {
    steps.add(
        new Planned(
            device, done -> device.writeZeroes(offsetBytes, lengthBytes, false, true, done)));
  }

  /** Adds zeroing of a range of any alignment, leaving the rest of its blocks as it is. */
  void erase(BlockDevice device, long offsetBytes, int lengthBytes) {
    long block = device.blockBytes();
    long from = offsetBytes / block * block;
    int length = (int) ((offsetBytes + lengthBytes + block - 1) / block * block - from);
    steps.add(
        new Planned(
            device,
            done -> {
              ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(length, length);
              Completion released =
                  failure -> {
                    buffer.release();
                    done.completed(failure);
                  };
              device.read(
                  from,
                  buffer,
                  0,
                  length,
                  failure -> {
                    if (failure != null) {
                      released.completed(failure);
                      return;
                    }
                    buffer.setZero((int) (offsetBytes - from), lengthBytes);
                    device.write(from, buffer, 0, length, true, released);
                  });
            }));
  }

  /** Adds waiting until everything written to the device is durable. */
  void flush(BlockDevice device) {
    steps.add(new Planned(device, device::flush));
  }

  /** Runs all that was added; on the devices' loop. */
  void run(Done done) {
    Planned next = steps.poll();
    if (next == null) {
      done.completed(begun, null);
      return;
    }
    begun.add(next.device().path());
    next.step()
        .run(failure -> {
          if (failure != null) {
            done.completed(begun, failure);
          } else {
            run(done);
          }
        });
  }
}
