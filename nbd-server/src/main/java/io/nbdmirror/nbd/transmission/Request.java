package io.nbdmirror.nbd.transmission;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.nbd.protocol.Command;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** One request at the device, and the completion that the device is given. Used again and again. */
final class Request implements Completion {
  private final DeviceRequests requests;

  Command command = Command.UNKNOWN;
  long cookie;
  long lengthBytes;
  long startNanos;

  /** What it takes from the connection's window. */
  long windowBytes;

  /** WRITE: holds the payload. READ: the reply, its data behind room for the header. */
  @Nullable ByteBuf buffer;

  int errno;
  boolean atDevice;

  /** The next one in the list of free or of ended requests. */
  @Nullable Request next;

  Request(DeviceRequests requests) {
    this.requests = requests;
  }

  @Override
  public void completed(@Nullable DeviceException failure) {
    requests.completed(this, failure);
  }
}
