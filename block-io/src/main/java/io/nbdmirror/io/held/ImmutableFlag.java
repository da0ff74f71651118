package io.nbdmirror.io.held;

import io.nbdmirror.io.Errno;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The inode flag ({@code chattr +i}) under which nobody, root included, can open a file for
 * writing, cut, rename or unlink it, or have its blocks moved. It outlives its process. Blocks; any
 * thread.
 *
 * @param fd the file, open for reading
 */
record ImmutableFlag(NativeCalls calls, int fd) {
  /** The file's flags; a negated error number where it has none. */
  int flags() {
    ByteBuffer flags = buffer();
    int result = calls.ioctl(fd, Linux.FS_IOC_GETFLAGS, flags);
    return result < 0 ? result : flags.getInt(0);
  }

  boolean isSet() {
    int flags = flags();
    return flags >= 0 && (flags & Linux.FS_IMMUTABLE_FL) != 0;
  }

  /** Sets it or takes it away, leaving the others; 0 or a negated error number. */
  int change(boolean set) {
    int flags = flags();
    if (flags < 0) {
      return flags;
    }
    int wanted = set ? flags | Linux.FS_IMMUTABLE_FL : flags & ~Linux.FS_IMMUTABLE_FL;
    ByteBuffer argument = buffer();
    argument.putInt(0, wanted);
    int result;
    do {
      result = calls.ioctl(fd, Linux.FS_IOC_SETFLAGS, argument);
    } while (result == -Errno.EINTR);
    return Math.min(result, 0);
  }

  private static ByteBuffer buffer() {
    // The kernel moves an int, whatever the request's number says of a long.
    return ByteBuffer.allocateDirect(Long.BYTES).order(ByteOrder.nativeOrder());
  }
}
