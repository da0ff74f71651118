package io.nbdmirror.io.file;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.nativecalls.FileStatus;
import io.nbdmirror.io.nativecalls.FilesystemType;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Asks the system about files. Blocks; any thread. */
public final class FileProbe {
  private final NativeCalls calls;

  public FileProbe(NativeCalls calls) {
    this.calls = calls;
  }

  /** Of the file that the path leads to now. */
  public FileStatus status(String path) throws DeviceException {
    ByteBuffer buffer = buffer(FileStatus.BYTES);
    check("open", path, calls.status(path, buffer));
    return FileStatus.of(buffer);
  }

  /** Of an open file; the path is for the message only. */
  public FileStatus status(String path, int fd) throws DeviceException {
    ByteBuffer buffer = buffer(FileStatus.BYTES);
    check("ask about", path, calls.status(fd, buffer));
    return FileStatus.of(buffer);
  }

  /** The sort of filesystem an open file lies on. */
  public FilesystemType filesystem(String path, int fd) throws DeviceException {
    ByteBuffer buffer = buffer(FilesystemType.BYTES);
    check("ask for the filesystem of", path, calls.filesystem(fd, buffer));
    return FilesystemType.of(buffer.getLong(0));
  }

  /** A number that a device tells of itself. */
  public long deviceNumber(String path, int fd, long request) throws DeviceException {
    ByteBuffer buffer = buffer(Long.BYTES);
    check("ask for the size of", path, calls.ioctl(fd, request, buffer));
    return buffer.getLong(0);
  }

  /** Opens, or says why not. */
  public int open(String path, int flags) throws DeviceException {
    return check("open", path, calls.open(path, flags));
  }

  private int check(String verb, String path, int result) throws DeviceException {
    if (result < 0) {
      throw new DeviceException(
          -result, "cannot %s %s: %s".formatted(verb, path, calls.text(-result)));
    }
    return result;
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }
}
