package io.nbdmirror.io.nativecalls;

import java.nio.ByteBuffer;

/**
 * System calls on files. Each gives what the kernel gives: a result of at least 0, or the negated
 * error number, which is taken right after the call. Interrupted and partial calls are the caller's
 * to go on with. Any thread may call; all but {@link #preadNoWait} may block.
 *
 * <p>Addresses are of native memory, and stay the caller's; offsets and lengths are bytes.
 */
public interface NativeCalls {
  int open(String path, int flags);

  int close(int fd);

  long pread(int fd, long address, long length, long offset);

  /** Reads what needs no waiting: less than asked for, or EAGAIN. */
  long preadNoWait(int fd, long address, long length, long offset);

  long pwrite(int fd, long address, long length, long offset);

  /** Writes, and makes these bytes durable by themselves. */
  long pwriteDurable(int fd, long address, long length, long offset);

  int fdatasync(int fd);

  /** Without waiting for a lock that another open file holds: EAGAIN. */
  int flockExclusive(int fd);

  int fallocate(int fd, int mode, long offset, long length);

  long seek(int fd, long offset, int whence);

  /** With a direct buffer to read the result from. */
  int ioctl(int fd, long request, ByteBuffer value);

  int fcntl(int fd, int command, long argument);

  /** Fills a direct buffer of {@link FileStatus#BYTES} bytes with what there is to know. */
  int status(String path, ByteBuffer status);

  /** Fills a direct buffer of {@link FileStatus#BYTES} bytes with what there is to know. */
  int status(int fd, ByteBuffer status);

  /** Fills a direct buffer of {@link FilesystemType#BYTES} bytes. */
  int filesystem(int fd, ByteBuffer statfs);

  /** The error's text, as {@code strerror} has it. */
  String text(int errno);
}
