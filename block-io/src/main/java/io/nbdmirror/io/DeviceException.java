package io.nbdmirror.io;

import java.io.IOException;

/**
 * A request to a device failed. The message is one sentence for a person: what, on which file, at
 * which offset and length in bytes, and why.
 */
public final class DeviceException extends IOException {
  private static final long serialVersionUID = 1L;

  private final int errno;

  /**
   * @param errno what a client or caller is told, one of {@link Errno}
   * @param message the whole sentence
   */
  public DeviceException(int errno, String message) {
    super(message);
    this.errno = errno;
  }

  /** A failed request, worded the same everywhere. */
  public static DeviceException of(
      String operation, String path, long offsetBytes, long lengthBytes, int errno, String reason) {
    return new DeviceException(
        errno,
        "cannot %s %d bytes at offset %d of %s: %s"
            .formatted(operation, lengthBytes, offsetBytes, path, reason));
  }

  /** One of {@link Errno}. */
  public int errno() {
    return errno;
  }
}
