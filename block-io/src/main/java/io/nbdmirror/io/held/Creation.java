package io.nbdmirror.io.held;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.engine.OpenFile;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes a file with real blocks and, where it can be written to them, proves their map: bytes that
 * nobody can guess are written through the file and must be found on the device. Writing to the
 * device to prove it would hit somebody else's blocks if the map were wrong. Blocks; any thread.
 */
final class Creation {
  private static final Logger LOG = LoggerFactory.getLogger(Creation.class);
  private static final int OWNER_ONLY = 0600;
  private static final int PIECE_BYTES = 1 << 20;

  private final NativeCalls calls;
  private final String path;

  Creation(NativeCalls calls, String path) {
    this.calls = calls;
    this.path = path;
  }

  void create(ByteBuffer content, Writing writing) throws DeviceException {
    if (!content.hasRemaining()) {
      throw new IllegalArgumentException("a file of no bytes has no blocks");
    }
    int fd = calls.create(path, Linux.O_RDWR | Linux.O_EXCL, OWNER_ONLY);
    if (fd < 0) {
      throw cannotMake(content.remaining(), -fd);
    }
    boolean done = false;
    try {
      fill(fd, content, writing);
      done = true;
    } finally {
      OpenFile.close(calls, path, fd);
      if (!done) {
        remove();
      }
    }
    syncFolder();
  }

  private void fill(int fd, ByteBuffer content, Writing writing) throws DeviceException {
    int allocated = calls.fallocate(fd, 0, 0, content.remaining());
    if (allocated < 0 && allocated != -Errno.EOPNOTSUPP && allocated != -Errno.ENOSYS) {
      throw cannotMake(content.remaining(), -allocated);
    }
    LockedFile file = LockedFile.open(calls, path);
    try {
      DeviceStack.ofSystem(calls).requireNoMirrorBelow(path, file.status().device());
      if (writing != Writing.FILE) {
        proveIfPossible(file, fd, content.remaining(), writing);
      }
      write(fd, content);
      file.writeOutAndDropCache();
    } finally {
      file.close();
    }
  }

  private void proveIfPossible(LockedFile file, int fd, int sizeBytes, Writing writing)
      throws DeviceException {
    try {
      prove(file, fd, sizeBytes);
    } catch (RawImpossibleException e) {
      if (writing == Writing.RAW) {
        throw new DeviceException(
            Errno.EOPNOTSUPP,
            "%s could not be written at its raw block offsets: %s; --bitmap-io=file writes it"
                    .formatted(path, e.reason())
                + " through its filesystem");
      }
      LOG.info("{} cannot be written at its raw block offsets: {}", path, e.reason());
    }
  }

  private void prove(LockedFile file, int fd, int sizeBytes)
      throws DeviceException, RawImpossibleException {
    Placement placement = Placement.of(file);
    RawDevice device = RawDevice.open(calls, placement);
    try {
      byte[] nonce = new byte[sizeBytes];
      new SecureRandom().nextBytes(nonce);
      write(fd, ByteBuffer.wrap(nonce));
      file.writeOutAndDropCache();
      BlockMap map =
          new BlockMapping(
                  calls, file.fd(), placement.filesystem(), sizeBytes, placement.blockBytes())
              .find();
      device.requireWithin(map, placement.filesystem());
      new RawComparison(calls, path, sizeBytes, device, map)
          .requireEqual(ByteBuffer.wrap(nonce), 0);
    } finally {
      device.close();
    }
  }

  private void write(int fd, ByteBuffer content) throws DeviceException {
    DirectMemory piece = DirectMemory.allocate(PIECE_BYTES);
    ByteBuffer rest = content.duplicate();
    for (long offset = 0; rest.hasRemaining(); ) {
      int length = Math.min(PIECE_BYTES, rest.remaining());
      piece.buffer().put(0, rest, rest.position(), length);
      rest.position(rest.position() + length);
      try {
        piece.write(calls, path, fd, offset, length);
      } catch (DeviceException e) {
        throw e.errno() == Errno.ENOSPC ? cannotMake(content.remaining(), Errno.ENOSPC) : e;
      }
      offset += length;
    }
  }

  private DeviceException cannotMake(int sizeBytes, int errno) {
    String why =
        switch (errno) {
          case Errno.EEXIST -> "it is there already";
          case Errno.ENOSPC -> "its filesystem has no room for its %d bytes".formatted(sizeBytes);
          case Errno.EROFS -> "its filesystem is mounted read-only";
          default -> calls.text(errno);
        };
    return new DeviceException(errno, "cannot make %s: %s".formatted(path, why));
  }

  private void remove() {
    try {
      Files.deleteIfExists(Path.of(path));
    } catch (IOException e) {
      LOG.warn("{} could not be made and cannot be removed: {}", path, e.toString());
    }
  }

  private void syncFolder() throws DeviceException {
    Path folder = Path.of(path).toAbsolutePath().getParent();
    int fd = folder == null ? -1 : calls.open(folder.toString(), Linux.O_RDONLY);
    if (fd >= 0) {
      int result = calls.fsync(fd);
      OpenFile.close(calls, path, fd);
      if (result < 0 && result != -Errno.EINVAL) {
        remove();
        throw new DeviceException(
            -result, "cannot flush the folder of %s: %s".formatted(path, calls.text(-result)));
      }
    }
  }
}
