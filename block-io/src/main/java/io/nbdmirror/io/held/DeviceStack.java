package io.nbdmirror.io.held;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.file.SystemFiles;
import io.nbdmirror.io.nativecalls.DeviceNumber;
import io.nbdmirror.io.nativecalls.FileStatus;
import io.nbdmirror.io.nativecalls.FilesystemType;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a device stands on, all the way down: the disk of a partition, the devices below a mapped
 * one, the file of a loop device and what that lies on. A file that a mirror needs in order to
 * write must not lie on that mirror: each would wait for the other.
 */
final class DeviceStack {
  private static final int FUSE = 0x65735546;

  private final NativeCalls calls;
  private final Path devices;

  /**
   * @param devices where devices are found by number, /sys/dev/block
   */
  DeviceStack(NativeCalls calls, Path devices) {
    this.calls = calls;
    this.devices = devices;
  }

  static DeviceStack ofSystem(NativeCalls calls) {
    return new DeviceStack(calls, Path.of("/sys/dev/block"));
  }

  /**
   * Refuses what may lie on a mirror of ours.
   *
   * @param path the file, for the message
   */
  void requireNoMirrorBelow(String path, DeviceNumber device) throws DeviceException {
    String mirror = mirrorBelow(device, new HashSet<>());
    if (mirror != null) {
      throw new DeviceException(
          Errno.EBUSY,
          "%s lies on %s, which may be the mirror itself: each would wait for the other; put it on"
                  .formatted(path, mirror)
              + " a disk that is not behind NBD");
    }
  }

  /** A device on the way down that a server of ours may be behind, in words; null if none. */
  private @Nullable String mirrorBelow(DeviceNumber device, Set<DeviceNumber> seen) {
    Path entry = entry(device);
    if (device.major() == 0 || entry == null || !seen.add(device)) {
      return null;
    }
    String name = String.valueOf(entry.getFileName());
    if (name.startsWith("nbd")) {
      return "/dev/" + name;
    }
    for (Path slave : SystemFiles.list(entry.resolve("slaves"))) {
      String below = mirrorBelow(slave.resolve("dev"), seen);
      if (below != null) {
        return below;
      }
    }
    if (Files.exists(entry.resolve("partition"))) {
      return mirrorBelow(entry.resolveSibling("dev"), seen);
    }
    for (String backing : SystemFiles.lines(entry.resolve("loop/backing_file"))) {
      return mirrorBehind(name, backing, seen);
    }
    return null;
  }

  private @Nullable String mirrorBelow(Path dev, Set<DeviceNumber> seen) {
    for (String line : SystemFiles.lines(dev)) {
      String[] parts = line.split(":", -1);
      return mirrorBelow(
          new DeviceNumber(Integer.parseInt(parts[0]), Integer.parseInt(parts[1])), seen);
    }
    return null;
  }

  private @Nullable String mirrorBehind(String loop, String backing, Set<DeviceNumber> seen) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(FileStatus.BYTES).order(ByteOrder.nativeOrder());
    if (calls.status(backing, buffer) < 0) {
      // Deleted, or of another mount namespace: nothing to be known.
      return null;
    }
    FileStatus status = FileStatus.of(buffer);
    if (status.isBlockSpecial()) {
      return mirrorBelow(status.specialDevice(), seen);
    }
    return liesOnFuse(backing)
        ? "/dev/%s, a loop device on %s, which another program serves by FUSE"
            .formatted(loop, backing)
        : mirrorBelow(status.device(), seen);
  }

  private boolean liesOnFuse(String path) {
    int fd = calls.open(path, Linux.O_PATH);
    if (fd < 0) {
      return false;
    }
    ByteBuffer statfs =
        ByteBuffer.allocateDirect(FilesystemType.BYTES).order(ByteOrder.nativeOrder());
    boolean fuse = calls.filesystem(fd, statfs) >= 0 && (int) statfs.getLong(0) == FUSE;
    calls.close(fd);
    return fuse;
  }

  /** In its real place, whose last name is the device's. */
  private @Nullable Path entry(DeviceNumber device) {
    try {
      return devices.resolve(device.toString()).toRealPath();
    } catch (IOException e) {
      return null;
    }
  }
}
