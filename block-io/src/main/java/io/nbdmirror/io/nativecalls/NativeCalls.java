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

  /**
   * With {@link Linux#O_CREAT}.
   *
   * @param mode the permissions a new file gets
   */
  int create(String path, int flags, int mode);

  int close(int fd);

  long pread(int fd, long address, long length, long offset);

  /** Reads what needs no waiting: less than asked for, or EAGAIN. */
  long preadNoWait(int fd, long address, long length, long offset);

  long pwrite(int fd, long address, long length, long offset);

  /** Writes, and makes these bytes durable by themselves. */
  long pwriteDurable(int fd, long address, long length, long offset);

  int fdatasync(int fd);

  int fsync(int fd);

  int fadvise(int fd, long offset, long length, int advice);

  /** Without waiting for a lock that another open file holds: EAGAIN. */
  int flockExclusive(int fd);

  int fallocate(int fd, int mode, long offset, long length);

  long seek(int fd, long offset, int whence);

  /** With a direct buffer that holds the argument, and the result after. */
  int ioctl(int fd, long request, ByteBuffer value);

  int fcntl(int fd, int command, long argument);

  /** A descriptor that tells of files being opened, changed and closed. */
  int inotify(int flags);

  /** Has an inotify descriptor tell of these events on that file; gives the watch's number. */
  int watch(int inotify, String path, int events);

  /** Reads from where a descriptor stands, such as inotify's. */
  long read(int fd, long address, long length);

  /**
   * Has the calling thread get memory without waiting for I/O (PR_SET_IO_FLUSHER): it may be the
   * one that I/O waits for.
   */
  int becomeIoFlusher();

  /** Keeps all of the process in memory, what it has and, page by page, what it comes to use. */
  int lockMemory();

  /** Fills a direct buffer of {@link FileStatus#BYTES} bytes with what there is to know. */
  int status(String path, ByteBuffer status);

  /** Fills a direct buffer of {@link FileStatus#BYTES} bytes with what there is to know. */
  int status(int fd, ByteBuffer status);

  /** Fills a direct buffer of {@link FilesystemType#BYTES} bytes. */
  int filesystem(int fd, ByteBuffer statfs);

  /** The error's text, as {@code strerror} has it. */
  String text(int errno);
}
