package io.nbdmirror.io.held;

import io.nbdmirror.io.AddressedBuffer;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.nativecalls.NativeCalls;
import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;

/**
 * Memory that direct I/O accepts, for transfers that may block. Not thread-safe.
 *
 * @param bytes the memory
 * @param buffer the same
 */
record DirectMemory(ByteBuf bytes, ByteBuffer buffer) {
  static final int ALIGNMENT_BYTES = 4096;

  /** At least that many bytes. */
  static DirectMemory allocate(int atLeast) {
    int bytes = (atLeast + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
    ByteBuffer memory =
        ByteBuffer.allocateDirect(bytes + ALIGNMENT_BYTES)
            .alignedSlice(ALIGNMENT_BYTES)
            .slice(0, bytes);
    return new DirectMemory(AddressedBuffer.over(memory), memory);
  }

  long address() {
    return bytes.memoryAddress();
  }

  /**
   * Reads from the start of the memory on, in full or to the end of the file.
   *
   * @return how many bytes were there
   */
  int read(NativeCalls calls, String path, int fd, long offset, int length) throws DeviceException {
    int done = 0;
    while (done < length) {
      long count = calls.pread(fd, address() + done, length - done, offset + done);
      if (count == 0 || (count > 0 && count % 512 != 0)) {
        // A piece of a sector is only ever given at the end of the file.
        return done + (int) count;
      }
      if (count > 0) {
        done += (int) count;
      } else if (count != -Errno.EINTR) {
        throw failure(calls, "read", path, offset, length, count);
      }
    }
    return done;
  }

  /** Writes from the start of the memory on, in full. */
  void write(NativeCalls calls, String path, int fd, long offset, int length)
      throws DeviceException {
    int done = 0;
    while (done < length) {
      long count = calls.pwrite(fd, address() + done, length - done, offset + done);
      if (count > 0) {
        done += (int) count;
      } else if (count != -Errno.EINTR) {
        throw failure(calls, "write", path, offset, length, count == 0 ? -Errno.EIO : count);
      }
    }
  }

  private static DeviceException failure(
      NativeCalls calls, String operation, String path, long offset, int length, long result) {
    int errno = (int) -result;
    return DeviceException.of(operation, path, offset, length, errno, calls.text(errno));
  }
}
