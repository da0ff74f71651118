package io.nbdmirror.io.held;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.nio.ByteBuffer;

/**
 * Holds what lies at a file's raw offsets against what the file has: the proof that the map of its
 * blocks is true, by reading alone. Blocks; any thread.
 */
final class RawComparison {
  private static final int PIECE_BYTES = 64 << 10;

  private final NativeCalls calls;
  private final String path;
  private final long sizeBytes;
  private final RawDevice device;
  private final BlockMap map;

  RawComparison(NativeCalls calls, String path, long sizeBytes, RawDevice device, BlockMap map) {
    this.calls = calls;
    this.path = path;
    this.sizeBytes = sizeBytes;
    this.device = device;
    this.map = map;
  }

  /**
   * Compares all of the file.
   *
   * @param directFd the file, open for direct reading
   * @throws DeviceException naming the first offset where the bytes are not the same
   */
  void requireEqual(int directFd) throws DeviceException {
    DirectMemory throughFile = DirectMemory.allocate(PIECE_BYTES);
    for (long offset = 0; offset < sizeBytes; offset += PIECE_BYTES) {
      int length = (int) Math.min(PIECE_BYTES, sizeBytes - offset);
      int there = throughFile.read(calls, path, directFd, offset, PIECE_BYTES);
      if (there < length) {
        throw new DeviceException(Errno.EIO, path + " was cut short while it was being read");
      }
      requireEqual(throughFile.buffer().slice(0, length), offset);
    }
  }

  /** Compares the device with bytes that the file must have from there on. */
  void requireEqual(ByteBuffer expected, long fileOffset) throws DeviceException {
    DirectMemory raw = DirectMemory.allocate(PIECE_BYTES);
    int done = 0;
    while (done < expected.limit()) {
      BlockMap.Run run = map.at(fileOffset + done);
      long inRun = run.endBytes() - fileOffset - done;
      int piece = (int) Math.min(Math.min(inRun, PIECE_BYTES), expected.limit() - done);
      long at = map.deviceOffsetBytes(fileOffset + done);
      raw.read(calls, device.path(), device.fd(), at, wholeSectors(piece));
      int mismatch = raw.buffer().slice(0, piece).mismatch(expected.slice(done, piece));
      if (mismatch >= 0) {
        throw new DeviceException(
            Errno.EIO,
            ("%s has another byte at offset %d than %s at offset %d, where it should lie: the map of"
                    + " its blocks cannot be trusted, nothing was written there; look for errors of"
                    + " the filesystem, or write it through its filesystem in another file")
                .formatted(path, fileOffset + done + mismatch, device.path(), at + mismatch));
      }
      done += piece;
    }
  }

  private int wholeSectors(int bytes) {
    int sector = device.sectorBytes();
    return (bytes + sector - 1) / sector * sector;
  }
}
