package io.nbdmirror.io.held;

import io.nbdmirror.io.Errno;
import io.nbdmirror.io.file.SystemFiles;
import io.nbdmirror.io.nativecalls.DeviceNumber;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/**
 * Where a file lies, if that is a place where its blocks may be written past its filesystem: on a
 * filesystem that leaves blocks where they are and writes nothing of its own over them, on a device
 * with a node.
 *
 * @param filesystem its name, such as ext4
 * @param device what the filesystem lies on
 * @param devicePath that device's node
 * @param blockBytes the filesystem's block, which FIBMAP counts in
 */
record Placement(String filesystem, DeviceNumber device, String devicePath, int blockBytes) {
  private static final int EXT = 0xef53;
  private static final int XFS = 0x58465342;

  /** The most that is written at once to keep within one block, whatever the block. */
  private static final int LARGEST_UNIT_BYTES = 4096;

  /** Bytes of struct fsxattr, whose first four are the flags. */
  private static final int FSXATTR_BYTES = 28;

  /** What raw writes are rounded up to at the end of the file: never more than its own block. */
  int unitBytes() {
    return Math.min(blockBytes, LARGEST_UNIT_BYTES);
  }

  /** Judges where the file lies; which blocks it has is another question. */
  static Placement of(LockedFile file) throws RawImpossibleException {
    String filesystem = file.mount().type();
    DeviceNumber device = file.status().device();
    if (device.major() == 0) {
      throw new RawImpossibleException(withoutDevice(filesystem));
    }
    if (file.filesystemMagic() != EXT && file.filesystemMagic() != XFS) {
      throw new RawImpossibleException(
          filesystem
              + " is not one of ext2, ext3, ext4 and XFS, which leave blocks where they are");
    }
    requireNoJournaledData(file, filesystem);
    if (file.filesystemMagic() == XFS && isRealtime(file)) {
      throw new RawImpossibleException("its blocks are on the realtime device of its XFS");
    }
    int blockBytes = number(file.calls(), file.fd(), Linux.FIGETBSZ);
    if (blockBytes < 512 || Integer.bitCount(blockBytes) != 1) {
      throw new RawImpossibleException(filesystem + " does not tell the size of its blocks");
    }
    return new Placement(filesystem, device, node(device), blockBytes);
  }

  private static String withoutDevice(String filesystem) {
    return switch (filesystem) {
      case "tmpfs", "ramfs" -> filesystem + " keeps no blocks on a device";
      case "overlay" -> "overlayfs only shows the files of other filesystems";
      case "btrfs" -> "btrfs writes to new blocks each time";
      case "unknown" -> "its filesystem cannot be told, and is on no one device";
      default -> filesystem + " is on no block device of this machine";
    };
  }

  private static void requireNoJournaledData(LockedFile file, String filesystem)
      throws RawImpossibleException {
    if (file.mount().options().contains("data=journal")) {
      throw new RawImpossibleException(
          filesystem + " is mounted with data=journal, and may write old bytes over new ones");
    }
    int flags = new ImmutableFlag(file.calls(), file.fd()).flags();
    if (flags >= 0 && (flags & Linux.FS_JOURNAL_DATA_FL) != 0) {
      throw new RawImpossibleException(
          filesystem + " journals its data (chattr +j), and may write old bytes over new ones");
    }
  }

  private static boolean isRealtime(LockedFile file) {
    ByteBuffer attributes = buffer(FSXATTR_BYTES);
    int result = file.calls().ioctl(file.fd(), Linux.FS_IOC_FSGETXATTR, attributes);
    // Not to know counts as realtime: a wrong device would be written.
    return result < 0 || (attributes.getInt(0) & Linux.FS_XFLAG_REALTIME) != 0;
  }

  /** The path of the device's node, by the name that the kernel tells. */
  private static String node(DeviceNumber device) throws RawImpossibleException {
    for (String line : SystemFiles.lines(Path.of("/sys/dev/block", device.toString(), "uevent"))) {
      if (line.startsWith("DEVNAME=")) {
        return "/dev/" + line.substring("DEVNAME=".length());
      }
    }
    throw new RawImpossibleException(
        "the name of the device %s that it lies on cannot be found in /sys".formatted(device));
  }

  private static int number(NativeCalls calls, int fd, long request) {
    ByteBuffer value = buffer(Long.BYTES);
    int result;
    do {
      result = calls.ioctl(fd, request, value);
    } while (result == -Errno.EINTR);
    return result < 0 ? 0 : value.getInt(0);
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }
}
