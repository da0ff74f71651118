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
  int flags;
  long cookie;
  long offsetBytes;
  long lengthBytes;
  int contexts;
  long startNanos;

  /** What it takes from the connection's window. */
  long windowBytes;

  /** WRITE: holds the payload. READ, BLOCK_STATUS: the reply. */
  @Nullable ByteBuf buffer;

  /** READ: the data lies behind room for one header, which is still to be put in front of it. */
  boolean needsHeader;

  /** How often the device was asked. */
  int attempts;

  int errno;
  boolean atDevice;

  /** The next one in the list of free or of ended requests. */
  @Nullable Request next;

  Request(DeviceRequests requests) {
    this.requests = requests;
  }

  /** Takes over what a header says; everything else starts afresh. */
  void reset(RequestHeader header, long windowBytes, long startNanos) {
    command = header.command;
    flags = header.flags;
    cookie = header.cookie;
    offsetBytes = header.offsetBytes;
    lengthBytes = header.lengthBytes;
    contexts = header.contexts;
    this.windowBytes = windowBytes;
    this.startNanos = startNanos;
    needsHeader = false;
    attempts = 0;
    errno = 0;
    next = null;
  }

  boolean has(int flag) {
    return (flags & flag) != 0;
  }

  /** The device threw, which it must not. */
  void broke(RuntimeException e) {
    requests.failed(this, e);
  }

  @Override
  public void completed(@Nullable DeviceException failure) {
    requests.completed(this, failure);
  }
}
