package io.nbdmirror.io.held;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.engine.OpenFile;
import io.nbdmirror.io.file.ExclusiveUse;
import io.nbdmirror.io.file.FileProbe;
import io.nbdmirror.io.nativecalls.FileStatus;
import io.nbdmirror.io.nativecalls.FilesystemType;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A regular file that is open for reading and carries the lock that every server of ours takes. All
 * that is not a transfer is asked of this descriptor. Blocks; any thread, not two at a time.
 *
 * @param fd open for reading
 * @param status as it was found
 * @param mount where it lies
 * @param filesystemMagic which filesystem that is, by number
 * @param filesystemBlockBytes what the filesystem allocates by
 * @param readOnly whether the filesystem is mounted so
 */
record LockedFile(
    NativeCalls calls,
    String path,
    int fd,
    FileStatus status,
    MountEntry mount,
    int filesystemMagic,
    int filesystemBlockBytes,
    boolean readOnly) {
  private static final int STATFS_BLOCK_BYTES = 8;
  private static final int STATFS_FLAGS = 80;
  private static final int ST_RDONLY = 1;

  /**
   * Opens and locks it.
   *
   * @throws DeviceException one sentence why not: no such file, no regular file, in use by whom
   */
  static LockedFile open(NativeCalls calls, String path) throws DeviceException {
    FileProbe probe = new FileProbe(calls);
    requireRegular(path, probe.status(path));
    // Should the name have come to mean something else, opening that must not wait.
    int fd = probe.open(path, Linux.O_RDONLY | Linux.O_NONBLOCK);
    try {
      FileStatus status = probe.status(path, fd);
      requireRegular(path, status);
      new ExclusiveUse(calls).lock(path, status, fd);
      ByteBuffer statfs =
          ByteBuffer.allocateDirect(FilesystemType.BYTES).order(ByteOrder.nativeOrder());
      int result = calls.filesystem(fd, statfs);
      if (result < 0) {
        throw new DeviceException(
            -result,
            "cannot ask for the filesystem of %s: %s".formatted(path, calls.text(-result)));
      }
      return new LockedFile(
          calls,
          path,
          fd,
          status,
          MountEntry.of(fd),
          (int) statfs.getLong(0),
          (int) statfs.getLong(STATFS_BLOCK_BYTES),
          (statfs.getLong(STATFS_FLAGS) & ST_RDONLY) != 0);
    } catch (DeviceException | RuntimeException e) {
      calls.close(fd);
      throw e;
    }
  }

  static void requireRegular(String path, FileStatus status) throws DeviceException {
    if (!status.isRegular()) {
      String kind =
          status.isDirectory()
              ? "a directory"
              : status.isBlockSpecial() ? "a block device" : "a special file";
      throw new DeviceException(Errno.EINVAL, "%s is %s, not a regular file".formatted(path, kind));
    }
  }

  /** The same file as when it was opened, as it is now. */
  FileStatus statusNow() throws DeviceException {
    return new FileProbe(calls).status(path, fd);
  }

  /**
   * Leaves nothing of it in the page cache: a dirty page left there would be written over raw
   * writes later, a clean one would show bytes that are no longer true.
   */
  void writeOutAndDropCache() throws DeviceException {
    int result;
    do {
      result = calls.fsync(fd);
    } while (result == -Errno.EINTR);
    if (result < 0) {
      throw new DeviceException(
          -result, "cannot flush %s: %s".formatted(path, calls.text(-result)));
    }
    dropCache();
  }

  /** Best effort: pages that somebody has mapped stay. */
  void dropCache() {
    calls.fadvise(fd, 0, 0, Linux.POSIX_FADV_DONTNEED);
  }

  /** Gives the lock back too. */
  void close() {
    OpenFile.close(calls, path, fd);
  }
}
