package io.nbdmirror.io.file;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.nativecalls.FileStatus;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Sees to it that nobody else writes a file that is a member. Nothing in Linux forbids two programs
 * to write one file, so all that can be asked is asked: whether a loop device stands on it, whether
 * anybody has it open for writing (a read lease is refused then), and the lock that every server of
 * ours takes. Who it is, is read from /proc, as far as that may be read.
 */
public final class ExclusiveUse {
  private final NativeCalls calls;

  public ExclusiveUse(NativeCalls calls) {
    this.calls = calls;
  }

  /**
   * Before the file is opened for writing.
   *
   * @throws DeviceException one sentence who uses it
   */
  public void requireUnused(String path, FileStatus status) throws DeviceException {
    if (!status.isRegular()) {
      return;
    }
    requireNoLoopDevice(path, status);
    if (isOpenForWriting(path)) {
      throw openForWriting(path, status);
    }
  }

  private void requireNoLoopDevice(String path, FileStatus status) throws DeviceException {
    String loopDevice = loopDeviceOn(status);
    if (loopDevice != null) {
      throw inUse(path, "is what %s stands on; detach that first".formatted(loopDevice));
    }
  }

  /** For those who were refused a lease themselves: what is to be said of it. */
  public DeviceException openForWriting(String path, FileStatus status) {
    try {
      requireNoLoopDevice(path, status);
    } catch (DeviceException loopDevice) {
      return loopDevice;
    }
    return inUse(path, "is open for writing by " + OpenFiles.writer(calls, status));
  }

  /**
   * Which other process has the file open for writing, such as "process 12 (bash)"; null when none
   * is seen.
   */
  public @Nullable String foreignWriter(FileStatus status) {
    return OpenFiles.foreignWriter(calls, status);
  }

  /**
   * Right after it was opened: from now on no other server of ours gets it.
   *
   * @throws DeviceException one sentence who has it
   */
  public void lock(String path, FileStatus status, int fd) throws DeviceException {
    int result = calls.flockExclusive(fd);
    if (result == -Errno.EAGAIN) {
      String holder = OpenFiles.lockHolder(status);
      throw inUse(
          path, "is in use by " + (holder == null ? OpenFiles.writer(calls, status) : holder));
    }
    if (result < 0) {
      throw new DeviceException(-result, "cannot lock %s: %s".formatted(path, calls.text(-result)));
    }
  }

  /** A block device that the kernel does not give exclusively. */
  DeviceException busy(String path, FileStatus status) {
    String user = BlockSpecial.user(status.specialDevice());
    return inUse(path, user == null ? "is in use by " + OpenFiles.writer(calls, status) : user);
  }

  private static DeviceException inUse(String path, String how) {
    return new DeviceException(Errno.EBUSY, path + " " + how);
  }

  /** A read lease is granted only while nobody has the file open for writing. */
  private boolean isOpenForWriting(String path) {
    int fd = calls.open(path, 0);
    if (fd < 0) {
      return false;
    }
    try {
      // Should somebody open it in this moment, a signal says so; the usual one would end the JVM.
      calls.fcntl(fd, Linux.F_SETSIG, Linux.SIGURG);
      int result = calls.fcntl(fd, Linux.F_SETLEASE, Linux.F_RDLCK);
      if (result >= 0) {
        calls.fcntl(fd, Linux.F_SETLEASE, Linux.F_UNLCK);
      }
      // Any other refusal says nothing: not every filesystem, nor every user, has leases.
      return result == -Errno.EAGAIN;
    } finally {
      calls.close(fd);
    }
  }

  private @Nullable String loopDeviceOn(FileStatus status) {
    for (Path device : SystemFiles.list(Path.of("/sys/block"))) {
      List<String> backing = SystemFiles.lines(device.resolve("loop/backing_file"));
      if (!backing.isEmpty() && OpenFiles.isSame(calls, Path.of(backing.getFirst()), status)) {
        return "/dev/" + device.getFileName();
      }
    }
    return null;
  }
}
