package io.nbdmirror.io.held;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.engine.OpenFile;
import io.nbdmirror.io.file.FileProbe;
import io.nbdmirror.io.nativecalls.FileStatus;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The device below a mounted filesystem, open for direct writes that are durable by themselves.
 *
 * <p>Not opened exclusively: the filesystem has it.
 *
 * @param sectorBytes what transfers are multiples of
 */
record RawDevice(NativeCalls calls, String path, int fd, int sectorBytes, long sizeBytes) {
  /** What writes of a held file start at a multiple of. */
  private static final int LARGEST_SECTOR_BYTES = 512;

  static RawDevice open(NativeCalls calls, Placement placement) throws RawImpossibleException {
    String path = placement.devicePath();
    ByteBuffer buffer = ByteBuffer.allocateDirect(FileStatus.BYTES).order(ByteOrder.nativeOrder());
    if (calls.status(path, buffer) < 0 || !isDevice(FileStatus.of(buffer), placement)) {
      throw new RawImpossibleException(
          "there is no node for the device %s that it lies on, such as %s"
              .formatted(placement.device(), path));
    }
    int fd = calls.open(path, Linux.O_RDWR | Linux.O_DIRECT | Linux.O_DSYNC);
    if (fd == -Errno.EACCES || fd == -Errno.EPERM) {
      throw new RawImpossibleException(
          "that needs the right to write %s (%s)".formatted(path, calls.text(-fd)));
    }
    if (fd < 0) {
      throw new RawImpossibleException(
          "%s cannot be opened while it is mounted (%s)".formatted(path, calls.text(-fd)));
    }
    try {
      FileProbe probe = new FileProbe(calls);
      if (!isDevice(probe.status(path, fd), placement)) {
        throw new RawImpossibleException(path + " was replaced while it was being opened");
      }
      RawDevice device =
          new RawDevice(
              calls,
              path,
              fd,
              (int) probe.deviceNumber(path, fd, Linux.BLKSSZGET),
              probe.deviceNumber(path, fd, Linux.BLKGETSIZE64));
      if (device.sectorBytes > LARGEST_SECTOR_BYTES) {
        throw new RawImpossibleException(
            "%s has sectors of %d bytes, more than is written at once"
                .formatted(path, device.sectorBytes));
      }
      return device;
    } catch (DeviceException e) {
      OpenFile.close(calls, path, fd);
      throw new RawImpossibleException(String.valueOf(e.getMessage()));
    } catch (RawImpossibleException | RuntimeException e) {
      OpenFile.close(calls, path, fd);
      throw e;
    }
  }

  private static boolean isDevice(FileStatus status, Placement placement) {
    return status.isBlockSpecial() && status.specialDevice().equals(placement.device());
  }

  void requireWithin(BlockMap map, String filesystem) throws RawImpossibleException {
    for (BlockMap.Run run : map.runs()) {
      if (run.deviceOffsetBytes() > sizeBytes - run.lengthBytes()) {
        throw new RawImpossibleException(
            "%s places offset %d of it behind the end of %s"
                .formatted(filesystem, run.fileOffsetBytes(), path));
      }
    }
  }

  void close() {
    OpenFile.close(calls, path, fd);
  }
}
