package io.nbdmirror.io.engine;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.nativecalls.FilesystemType;
import io.nbdmirror.io.nativecalls.NativeCalls;
import io.netty.buffer.ByteBuf;

/**
 * Moves bytes between memory and one file, in full: interrupted and partial calls are gone on with.
 * All of it blocks but {@link #readWithoutWaiting}. Any thread may call.
 */
public final class FileTransfers {
  /** What {@link #readWithoutWaiting} gives where the question itself is not understood. */
  static final int UNKNOWN = -1;

  private static final String READ = "read";
  private static final String WRITE = "write";
  private static final int PAGE_BYTES = 4096;

  private enum Direction {
    READ,
    WRITE,
    WRITE_DURABLE
  }

  private final OpenFile file;
  private final NativeCalls calls;
  private volatile boolean mayAskWithoutWaiting = true;
  private volatile boolean mayWriteDurable = true;
  private volatile boolean mayWriteDirect;

  public FileTransfers(OpenFile file) {
    this.file = file;
    this.calls = file.calls();
    mayWriteDirect = file.traits().durableIsDirect();
  }

  /**
   * Reads from the page cache what is there.
   *
   * @return how many bytes; 0 when the disk would have to be waited for or an error wants telling
   *     by {@link #read}; {@link #UNKNOWN} when the kernel can't say
   */
  int readWithoutWaiting(long offset, long address, int length) {
    if (!mayAskWithoutWaiting) {
      return UNKNOWN;
    }
    for (; ; ) {
      long count = calls.preadNoWait(file.dataFd(), address, length, offset);
      if (count >= 0) {
        return (int) count;
      }
      if (count == -Errno.EOPNOTSUPP || count == -Errno.ENOSYS || count == -Errno.EINVAL) {
        mayAskWithoutWaiting = false;
        return UNKNOWN;
      }
      if (count != -Errno.EINTR) {
        return 0;
      }
    }
  }

  /**
   * Whether a buffered write there is only a copy: it covers whole pages, or those it covers partly
   * are cached and need not be read first.
   */
  boolean writeIsOnlyCopy(long offset, int length, long scratchAddress) {
    return file.traits().filesystem() == FilesystemType.MEMORY
        || ((offset % PAGE_BYTES == 0 || isCached(offset, scratchAddress))
            && ((offset + length) % PAGE_BYTES == 0
                || isCached(offset + length - 1, scratchAddress)));
  }

  private boolean isCached(long offset, long scratchAddress) {
    return readWithoutWaiting(offset, scratchAddress, 1) == 1;
  }

  void read(long offset, ByteBuf target, int index, int length) throws DeviceException {
    if (file.traits().direct() && !isAligned(offset | length)) {
      readAround(offset, target, index, length);
      return;
    }
    if (!file.traits().direct() || isAligned(target.memoryAddress() + index)) {
      transfer(Direction.READ, file.dataFd(), offset, target.memoryAddress() + index, length);
      return;
    }
    AlignedBuffer aligned = AlignedBuffer.own();
    for (int done = 0; done < length; done += AlignedBuffer.BYTES) {
      int piece = Math.min(AlignedBuffer.BYTES, length - done);
      transfer(Direction.READ, file.dataFd(), offset + done, aligned.address(), piece);
      target.setBytes(index + done, aligned.bytes(), 0, piece);
    }
  }

  /** Direct I/O of a range that is not aligned: of one around it that is. */
  private void readAround(long offset, ByteBuf target, int index, int length)
      throws DeviceException {
    AlignedBuffer aligned = AlignedBuffer.own();
    int alignment = file.traits().directAlignmentBytes();
    int done = 0;
    while (done < length) {
      int before = (int) ((offset + done) % alignment);
      int wanted = Math.min(AlignedBuffer.BYTES, before + length - done + alignment - 1);
      wanted -= wanted % alignment;
      long count =
          call(Direction.READ, file.dataFd(), offset + done - before, aligned.address(), wanted);
      int there = (int) Math.min(count - before, length - done);
      if (there > 0) {
        target.setBytes(index + done, aligned.bytes(), before, there);
        done += there;
      } else if (count >= 0) {
        throw nothingMoved(Direction.READ, offset, length, done);
      } else if (count != -Errno.EINTR) {
        throw failure(READ, offset, length, (int) -count);
      }
    }
  }

  void write(long offset, ByteBuf source, int index, int length) throws DeviceException {
    if (file.traits().direct()) {
      writeAligned(Direction.WRITE, file.dataFd(), offset, source, index, length);
    } else {
      long address = source.memoryAddress() + index;
      transfer(Direction.WRITE, file.dataFd(), offset, address, length);
    }
  }

  /** Writes, and makes these bytes durable by themselves (I12). */
  void writeDurable(long offset, ByteBuf source, int index, int length) throws DeviceException {
    if (mayWriteDirect && isAligned(offset | length)) {
      try {
        writeAligned(Direction.WRITE, file.durableFd(), offset, source, index, length);
        return;
      } catch (DeviceException e) {
        if (e.errno() != Errno.EINVAL) {
          throw e;
        }
        // The filesystem took the flag at open and wants an alignment it did not tell.
        mayWriteDirect = false;
      }
    }
    long address = source.memoryAddress() + index;
    if (!file.traits().durableIsDirect()) {
      transfer(Direction.WRITE, file.durableFd(), offset, address, length);
      return;
    }
    if (mayWriteDurable && !file.traits().direct()) {
      try {
        transfer(Direction.WRITE_DURABLE, file.dataFd(), offset, address, length);
        return;
      } catch (DeviceException e) {
        if (e.errno() != Errno.EOPNOTSUPP && e.errno() != Errno.ENOSYS) {
          throw e;
        }
        mayWriteDurable = false;
      }
    }
    write(offset, source, index, length);
    flush();
  }

  /** Makes durable whatever was written before. */
  void flush() throws DeviceException {
    int result;
    do {
      result = calls.fdatasync(file.dataFd());
    } while (result == -Errno.EINTR);
    if (result < 0) {
      throw new DeviceException(
          -result, "cannot flush %s: %s".formatted(file.path(), calls.text(-result)));
    }
  }

  /** Writes zeroes by hand, where the filesystem can't do it. */
  void writeZeroes(long offset, long length, ByteBuf zeroes) throws DeviceException {
    for (long done = 0; done < length; done += zeroes.capacity()) {
      write(offset + done, zeroes, 0, (int) Math.min(zeroes.capacity(), length - done));
    }
  }

  private void writeAligned(
      Direction direction, int fd, long offset, ByteBuf source, int index, int length)
      throws DeviceException {
    long address = source.memoryAddress() + index;
    if (isAligned(address)) {
      transfer(direction, fd, offset, address, length);
      return;
    }
    AlignedBuffer aligned = AlignedBuffer.own();
    for (int done = 0; done < length; done += AlignedBuffer.BYTES) {
      int piece = Math.min(AlignedBuffer.BYTES, length - done);
      aligned.bytes().setBytes(0, source, index + done, piece);
      transfer(direction, fd, offset + done, aligned.address(), piece);
    }
  }

  private boolean isAligned(long number) {
    return number % file.traits().directAlignmentBytes() == 0;
  }

  private void transfer(Direction direction, int fd, long offset, long address, int length)
      throws DeviceException {
    int done = 0;
    while (done < length) {
      long count = call(direction, fd, offset + done, address + done, length - done);
      if (count > 0) {
        done += (int) count;
      } else if (count == 0) {
        throw nothingMoved(direction, offset, length, done);
      } else if (count != -Errno.EINTR) {
        throw failure(direction == Direction.READ ? READ : WRITE, offset, length, (int) -count);
      }
    }
  }

  private long call(Direction direction, int fd, long offset, long address, long length) {
    return switch (direction) {
      case READ -> calls.pread(fd, address, length, offset);
      case WRITE -> calls.pwrite(fd, address, length, offset);
      case WRITE_DURABLE -> calls.pwriteDurable(fd, address, length, offset);
    };
  }

  private DeviceException nothingMoved(Direction direction, long offset, int length, int done) {
    return direction == Direction.READ
        ? DeviceException.of(
            READ,
            file.path(),
            offset,
            length,
            Errno.EIO,
            "it now ends at offset %d, it was cut short while in use".formatted(offset + done))
        : DeviceException.of(
            WRITE, file.path(), offset, length, Errno.EIO, "the system took none of them");
  }

  DeviceException failure(String operation, long offset, long length, int errno) {
    return DeviceException.of(operation, file.path(), offset, length, errno, calls.text(errno));
  }
}
