package io.nbdmirror.io.engine;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.nativecalls.Linux;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;

/** Zeroes, punches and lists the holes of one file. All of it blocks; any thread may call. */
final class FileSpace {
  private static final int PUNCH = Linux.FALLOC_FL_PUNCH_HOLE | Linux.FALLOC_FL_KEEP_SIZE;
  private static final int ZERO = Linux.FALLOC_FL_ZERO_RANGE | Linux.FALLOC_FL_KEEP_SIZE;
  private static final long NO_MORE = Long.MAX_VALUE;

  /** Zeroes to write where the filesystem knows no better way; never written to. */
  private static final class Zeroes {
    static final ByteBuf BYTES = AlignedBuffer.allocate().bytes();
  }

  private final OpenFile file;
  private final FileTransfers transfers;
  private volatile boolean punches;
  private volatile boolean zeroes = true;
  private volatile boolean listsHoles;

  FileSpace(OpenFile file, FileTransfers transfers) {
    this.file = file;
    this.transfers = transfers;
    punches = file.traits().discards();
    listsHoles = !file.traits().blockSpecial();
  }

  /** Makes the range read as zeroes, by a hole if it may, by the cheapest means there is. */
  void zero(long offset, long length, boolean mayPunch, boolean durable) throws DeviceException {
    boolean done = mayPunch && punches && allocate(PUNCH, offset, length);
    if (!done) {
      done = zeroes && allocate(ZERO, offset, length);
    }
    if (!done) {
      transfers.writeZeroes(offset, length, Zeroes.BYTES);
    }
    if (durable) {
      transfers.flush();
    }
  }

  /** False where that is not supported, which is then remembered. */
  private boolean allocate(int mode, long offset, long length) throws DeviceException {
    int result;
    do {
      result = file.calls().fallocate(file.dataFd(), mode, offset, length);
    } while (result == -Errno.EINTR);
    if (result == -Errno.EOPNOTSUPP || result == -Errno.ENOSYS) {
      if (mode == PUNCH) {
        punches = false;
      } else {
        zeroes = false;
      }
      return false;
    }
    if (result == -Errno.EINVAL || result == -Errno.EBUSY) {
      // A block device refuses what isn't aligned to its blocks, or is mapped somewhere.
      return false;
    }
    if (result < 0) {
      String operation = mode == PUNCH ? "discard" : "zero";
      throw transfers.failure(operation, offset, length, -result);
    }
    return true;
  }

  /** From the start of the range on, and no more than {@code maxExtents}. */
  List<Extent> extents(long offset, long length, int maxExtents) throws DeviceException {
    long end = offset + length;
    List<Extent> found = new ArrayList<>();
    long position = offset;
    while (position < end && found.size() < maxExtents) {
      long firstData = seek(Linux.SEEK_DATA, position, position);
      long data = Math.min(end, roundDown(firstData));
      if (data > position) {
        found.add(new Extent(position, data - position, true));
      }
      if (data < end && found.size() < maxExtents) {
        long firstHole = roundUp(seek(Linux.SEEK_HOLE, firstData, NO_MORE));
        // A hole punched between the two questions must not stop us here.
        long hole = Math.min(end, Math.max(firstHole, data + file.traits().blockBytes()));
        found.add(new Extent(data, hole - data, false));
        data = hole;
      }
      position = data;
    }
    return found;
  }

  /** Asks the kernel to read the range into its cache. What it makes of that is its own affair. */
  void readAhead(long offset, long length) throws DeviceException {
    int result = file.calls().fadvise(file.dataFd(), offset, length, Linux.POSIX_FADV_WILLNEED);
    if (result == -Errno.EIO) {
      throw transfers.failure("read ahead", offset, length, -result);
    }
  }

  /** What comes next, or {@code otherwise} where holes can't be told from data. */
  private long seek(int whence, long offset, long otherwise) throws DeviceException {
    if (!listsHoles) {
      return otherwise;
    }
    long result = file.calls().seek(file.dataFd(), offset, whence);
    if (result >= 0) {
      return result;
    }
    if (result == -Errno.ENXIO) {
      return NO_MORE;
    }
    if (result == -Errno.EINVAL || result == -Errno.EOPNOTSUPP) {
      listsHoles = false;
      return otherwise;
    }
    throw transfers.failure("list the extents of", offset, 0, (int) -result);
  }

  private long roundDown(long offset) {
    return offset == NO_MORE ? NO_MORE : offset - offset % file.traits().blockBytes();
  }

  private long roundUp(long offset) {
    int block = file.traits().blockBytes();
    return offset > NO_MORE - block ? NO_MORE : roundDown(offset + block - 1);
  }
}
