package io.nbdmirror.nbd.transmission;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.nbd.protocol.WireString;
import java.util.Locale;

/**
 * Why a request is not done: a number for programs and, where replies have room for it, a sentence
 * for people. A sentence says what was asked and what the client can make of the answer; never the
 * paths, members or hosts behind the export, which only the log has.
 */
final class RequestError {
  static final RequestError BEYOND_THE_END =
      new RequestError(Errno.EINVAL, "the range reaches beyond the end of the export");
  static final RequestError NO_SPACE_BEYOND_THE_END =
      new RequestError(Errno.ENOSPC, "the range reaches beyond the end of the export");
  static final RequestError READ_ONLY = new RequestError(Errno.EPERM, "this export is read-only");
  static final RequestError WRONG_FLAG =
      new RequestError(Errno.EINVAL, "a flag is set that this command does not take here");
  static final RequestError TOO_LONG =
      new RequestError(Errno.EINVAL, "at most 64 MiB are read or written at once");
  static final RequestError UNKNOWN_COMMAND =
      new RequestError(Errno.EINVAL, "this server does not know that command");
  static final RequestError NO_TRIM = new RequestError(Errno.EINVAL, "this export takes no trims");
  static final RequestError NO_CONTEXT =
      new RequestError(Errno.EINVAL, "no metadata context was chosen in the handshake");
  static final RequestError STATUS_OF_NOTHING =
      new RequestError(Errno.EINVAL, "the status of no bytes at all was asked for");
  static final RequestError WRONG_PAYLOAD =
      new RequestError(
          Errno.EINVAL, "the payload is not a length and numbers of chosen metadata contexts");
  static final RequestError NOT_FAST =
      new RequestError(Errno.EOPNOTSUPP, "zeroes are no faster than data here");
  static final RequestError SHUTTING_DOWN =
      new RequestError(Errno.ESHUTDOWN, "this server is shutting down");

  private final int errno;
  private final byte[] sentence;

  private RequestError(int errno, String sentence) {
    this.errno = errno;
    this.sentence = WireString.encode(sentence);
  }

  /** What a client is told when the device failed. */
  static RequestError of(Request request, DeviceException failure) {
    int errno = onTheWire(failure.errno());
    String why =
        switch (errno) {
          case Errno.EPERM -> "the array takes no changes";
          case Errno.ENOSPC -> "the array's members have no space left";
          case Errno.ESHUTDOWN -> "the array is being stopped";
          default -> "the array could not do it; the server's log says why";
        };
    String command = request.command.name().toLowerCase(Locale.ROOT);
    return new RequestError(
        errno,
        "%s of %d bytes at offset %d failed: %s"
            .formatted(command, request.lengthBytes, request.offsetBytes, why));
  }

  /** The protocol's number for a device's error. */
  private static int onTheWire(int errno) {
    return switch (errno) {
      case Errno.EPERM, Errno.EACCES, Errno.EROFS -> Errno.EPERM;
      case Errno.ENOSPC, Errno.EDQUOT, Errno.EFBIG -> Errno.ENOSPC;
      case Errno.EINVAL, Errno.ESHUTDOWN -> errno;
      default -> Errno.EIO;
    };
  }

  /** The protocol's error number, never 0. */
  int errno() {
    return errno;
  }

  /** In UTF-8; not to be changed. */
  byte[] sentence() {
    return sentence;
  }
}
