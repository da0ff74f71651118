package io.nbdmirror.io.held;

import io.nbdmirror.io.Errno;
import io.nbdmirror.io.nativecalls.DeviceNumber;
import io.nbdmirror.io.nativecalls.FileStatus;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** A file whose filesystem tells of its blocks what a test wants it to. */
final class FakeFile {
  static final int EXT = 0xef53;
  static final int BLOCK = 1024;

  /** One extent as FIEMAP gives it. */
  record Extent(long logical, long physical, long length, int flags) {}

  final List<Extent> extents = new ArrayList<>();
  Runnable afterFiemap = () -> {};
  int fiemapError;
  long fibmapShift;
  int fibmapError;
  int flags;

  NativeCalls calls() {
    return (NativeCalls)
        Proxy.newProxyInstance(
            FakeFile.class.getClassLoader(),
            new Class<?>[] {NativeCalls.class},
            (proxy, method, arguments) ->
                switch (method.getName()) {
                  case "ioctl" -> ioctl((long) arguments[1], (ByteBuffer) arguments[2]);
                  case "text" -> "error " + arguments[0];
                  default -> throw new AssertionError(method);
                });
  }

  private int ioctl(long request, ByteBuffer value) {
    if (request == Linux.FS_IOC_FIEMAP) {
      return fiemapError != 0 ? -fiemapError : fiemap(value);
    }
    if (request == Linux.FIBMAP) {
      return fibmapError != 0 ? -fibmapError : fibmap(value);
    }
    if (request == Linux.FS_IOC_GETFLAGS) {
      value.putInt(0, flags);
      return 0;
    }
    if (request == Linux.FIGETBSZ) {
      value.putInt(0, BLOCK);
      return 0;
    }
    return -Errno.EINVAL;
  }

  private int fiemap(ByteBuffer value) {
    long start = value.getLong(0);
    long end = start + value.getLong(8);
    int room = value.getInt(24);
    int found = 0;
    for (Extent extent : extents) {
      if (extent.logical + extent.length > start && extent.logical < end && found < room) {
        int at = 32 + 56 * found++;
        value.putLong(at, extent.logical).putLong(at + 8, extent.physical);
        value.putLong(at + 16, extent.length).putInt(at + 40, extent.flags);
      }
    }
    value.putInt(20, found);
    afterFiemap.run();
    return 0;
  }

  private int fibmap(ByteBuffer value) {
    long offset = (long) value.getInt(0) * BLOCK;
    for (Extent extent : extents) {
      if (offset >= extent.logical && offset < extent.logical + extent.length) {
        value.putInt(0, (int) ((extent.physical + offset - extent.logical) / BLOCK + fibmapShift));
      }
    }
    return 0;
  }

  LockedFile locked(int device, int magic, String type, String... options) {
    FileStatus status =
        new FileStatus(
            0x8180, 1, 12, 5000, new DeviceNumber(device, 1), new DeviceNumber(0, 0), 512);
    return new LockedFile(
        calls(),
        "/b",
        3,
        status,
        new MountEntry(type, "/dev/x", List.of(options)),
        magic,
        BLOCK,
        false);
  }
}
