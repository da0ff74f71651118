package io.nbdmirror.io.nativecalls;

import io.netty.util.concurrent.FastThreadLocal;
import java.nio.ByteBuffer;
import java.util.Objects;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;
import jnr.ffi.types.intptr_t;
import jnr.ffi.types.off_t;
import jnr.ffi.types.size_t;

/** The real calls, through jnr-ffi to the C library. */
public final class LibcCalls implements NativeCalls {
  /** The C library's functions by their own names; addresses are passed as numbers. */
  public interface Libc {
    int open(String path, int flags, int mode);

    int close(int fd);

    long pread(int fd, @intptr_t long buffer, @size_t long count, @off_t long offset);

    long pwrite(int fd, @intptr_t long buffer, @size_t long count, @off_t long offset);

    long preadv2(int fd, @intptr_t long vectors, int count, @off_t long offset, int flags);

    long pwritev2(int fd, @intptr_t long vectors, int count, @off_t long offset, int flags);

    int fdatasync(int fd);

    int fsync(int fd);

    int posix_fadvise(int fd, @off_t long offset, @off_t long length, int advice);

    int inotify_init1(int flags);

    int inotify_add_watch(int fd, String path, int mask);

    long read(int fd, @intptr_t long buffer, @size_t long count);

    int flock(int fd, int operation);

    int prctl(int option, @intptr_t long a, @intptr_t long b, @intptr_t long c, @intptr_t long d);

    int mlockall(int flags);

    int fallocate(int fd, int mode, @off_t long offset, @off_t long length);

    long lseek(int fd, @off_t long offset, int whence);

    int ioctl(int fd, @size_t long request, ByteBuffer argument);

    int fcntl(int fd, int command, @intptr_t long argument);

    int statx(int directory, String path, int flags, int mask, ByteBuffer buffer);

    int fstatfs(int fd, ByteBuffer buffer);

    String strerror(int errno);
  }

  private static final class Loaded {
    static final LibcCalls CALLS = new LibcCalls();
  }

  private final Libc libc = LibraryLoader.create(Libc.class).failImmediately().load("c");
  private final Runtime runtime = Runtime.getRuntime(libc);

  /** One struct iovec (address, length) a thread. */
  private final FastThreadLocal<Pointer> vectors =
      new FastThreadLocal<>() {
        @Override
        protected Pointer initialValue() {
          return Memory.allocateDirect(runtime, 16);
        }
      };

  private LibcCalls() {}

  /** Loads the C library on first use, which takes about a tenth of a second. */
  public static NativeCalls get() {
    return Loaded.CALLS;
  }

  @Override
  public int open(String path, int flags) {
    return result(libc.open(path, flags | Linux.O_CLOEXEC, 0));
  }

  @Override
  public int create(String path, int flags, int mode) {
    return result(libc.open(path, flags | Linux.O_CREAT | Linux.O_CLOEXEC, mode));
  }

  @Override
  public int close(int fd) {
    return result(libc.close(fd));
  }

  @Override
  public long pread(int fd, long address, long length, long offset) {
    return result(libc.pread(fd, address, length, offset));
  }

  @Override
  public long preadNoWait(int fd, long address, long length, long offset) {
    return result(libc.preadv2(fd, vector(address, length), 1, offset, Linux.RWF_NOWAIT));
  }

  @Override
  public long pwrite(int fd, long address, long length, long offset) {
    return result(libc.pwrite(fd, address, length, offset));
  }

  @Override
  public long pwriteDurable(int fd, long address, long length, long offset) {
    return result(libc.pwritev2(fd, vector(address, length), 1, offset, Linux.RWF_DSYNC));
  }

  @Override
  public int fdatasync(int fd) {
    return result(libc.fdatasync(fd));
  }

  @Override
  public int fsync(int fd) {
    return result(libc.fsync(fd));
  }

  @Override
  public int fadvise(int fd, long offset, long length, int advice) {
    // The one call that returns its error itself, and as a positive number.
    return -libc.posix_fadvise(fd, offset, length, advice);
  }

  @Override
  public int inotify(int flags) {
    return result(libc.inotify_init1(flags));
  }

  @Override
  public int watch(int inotify, String path, int events) {
    return result(libc.inotify_add_watch(inotify, path, events));
  }

  @Override
  public long read(int fd, long address, long length) {
    return result(libc.read(fd, address, length));
  }

  @Override
  public int becomeIoFlusher() {
    return result(libc.prctl(Linux.PR_SET_IO_FLUSHER, 1, 0, 0, 0));
  }

  @Override
  public int lockMemory() {
    return result(libc.mlockall(Linux.MCL_CURRENT | Linux.MCL_FUTURE | Linux.MCL_ONFAULT));
  }

  @Override
  public int flockExclusive(int fd) {
    return result(libc.flock(fd, Linux.LOCK_EX | Linux.LOCK_NB));
  }

  @Override
  public int fallocate(int fd, int mode, long offset, long length) {
    return result(libc.fallocate(fd, mode, offset, length));
  }

  @Override
  public long seek(int fd, long offset, int whence) {
    return result(libc.lseek(fd, offset, whence));
  }

  @Override
  public int ioctl(int fd, long request, ByteBuffer value) {
    return result(libc.ioctl(fd, request, value));
  }

  @Override
  public int fcntl(int fd, int command, long argument) {
    return result(libc.fcntl(fd, command, argument));
  }

  @Override
  public int status(String path, ByteBuffer status) {
    return result(libc.statx(Linux.AT_FDCWD, path, 0, FileStatus.MASK, status));
  }

  @Override
  public int status(int fd, ByteBuffer status) {
    return result(libc.statx(fd, "", Linux.AT_EMPTY_PATH, FileStatus.MASK, status));
  }

  @Override
  public int filesystem(int fd, ByteBuffer statfs) {
    return result(libc.fstatfs(fd, statfs));
  }

  @Override
  public String text(int errno) {
    return Objects.requireNonNullElse(libc.strerror(errno), "error " + errno);
  }

  private long vector(long address, long length) {
    Pointer vector = vectors.get();
    vector.putLong(0, address);
    vector.putLong(8, length);
    return vector.address();
  }

  private int result(int returned) {
    return returned >= 0 ? returned : -LastError.getLastError(runtime);
  }

  private long result(long returned) {
    return returned >= 0 ? returned : -LastError.getLastError(runtime);
  }
}
