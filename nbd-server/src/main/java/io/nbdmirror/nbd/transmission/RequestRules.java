package io.nbdmirror.nbd.transmission;

import io.nbdmirror.io.Errno;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.protocol.Command;
import io.nbdmirror.nbd.protocol.Wire;

/** Which requests an export takes, and with which error number the others are refused. */
final class RequestRules {
  /** A refused payload up to this is drained; above, the connection is closed. */
  static final int MAX_DRAINED_BYTES = 256 << 20;

  private final long sizeBytes;
  private final int transmissionFlags;

  /**
   * @param transmissionFlags as the client was told
   */
  RequestRules(long sizeBytes, int transmissionFlags) {
    this.sizeBytes = sizeBytes;
    this.transmissionFlags = transmissionFlags;
  }

  /**
   * The error number for a request, 0 if it is to be done.
   *
   * @param offsetBytes as received: unsigned, all 64 bits
   */
  int errno(Command command, int flags, long offsetBytes, long lengthBytes) {
    if ((flags & ~allowedFlags(command)) != 0) {
      return Errno.EINVAL;
    }
    return switch (command) {
      case READ ->
          lengthBytes > Export.MAX_PAYLOAD_BYTES
              ? Errno.EINVAL
              : within(offsetBytes, lengthBytes, Errno.EINVAL);
      case WRITE -> {
        if (has(Wire.READ_ONLY)) {
          yield Errno.EPERM;
        }
        yield lengthBytes > Export.MAX_PAYLOAD_BYTES
            ? Errno.EINVAL
            : within(offsetBytes, lengthBytes, Errno.ENOSPC);
      }
      case WRITE_ZEROES ->
          has(Wire.READ_ONLY) ? Errno.EPERM : within(offsetBytes, lengthBytes, Errno.ENOSPC);
      case TRIM -> {
        if (has(Wire.READ_ONLY)) {
          yield Errno.EPERM;
        }
        yield has(Wire.SEND_TRIM) ? within(offsetBytes, lengthBytes, Errno.EINVAL) : Errno.EINVAL;
      }
      case FLUSH -> 0;
      case DISC, CACHE, BLOCK_STATUS, UNKNOWN -> Errno.EINVAL;
    };
  }

  private static int allowedFlags(Command command) {
    return command == Command.WRITE_ZEROES
        ? Wire.CMD_FLAG_FUA | Wire.CMD_FLAG_NO_HOLE
        : Wire.CMD_FLAG_FUA;
  }

  private boolean has(int transmissionFlag) {
    return (transmissionFlags & transmissionFlag) != 0;
  }

  /** 0, or {@code otherwise}. Written so that nothing overflows: an offset is any 64 bits. */
  private int within(long offsetBytes, long lengthBytes, int otherwise) {
    return offsetBytes >= 0 && offsetBytes <= sizeBytes && lengthBytes <= sizeBytes - offsetBytes
        ? 0
        : otherwise;
  }

  /** The protocol's number for a device's error. */
  static int onTheWire(int errno) {
    return switch (errno) {
      case Errno.EPERM, Errno.EACCES, Errno.EROFS -> Errno.EPERM;
      case Errno.ENOSPC, Errno.EDQUOT, Errno.EFBIG -> Errno.ENOSPC;
      case Errno.EINVAL -> Errno.EINVAL;
      case Errno.ESHUTDOWN -> Errno.ESHUTDOWN;
      default -> Errno.EIO;
    };
  }
}
