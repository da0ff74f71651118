package io.nbdmirror.nbd.transmission;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.protocol.Command;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The requests of one connection: gives them to the device, answers them as they complete, and
 * measures them when their replies are flushed. Lives on the export's loop.
 */
final class DeviceRequests {
  private static final Logger LOG = LoggerFactory.getLogger(DeviceRequests.class);

  /** Enough for any client that means well; the list is then not worth its memory. */
  private static final int MAX_FREE = 1024;

  private final Export export;
  private final BlockDevice device;
  private final ByteBufAllocator alloc;
  private final ReplyQueue replies;
  private final InFlightWindow window;
  private final TransferCounters counters;
  private final RequestMeter meter;
  private final Runnable ended;

  private @Nullable Request free;
  private int freeCount;

  /** Answered since the last flush, to be measured then. */
  private @Nullable Request unmeasured;

  private long batchNanos;
  private boolean abandoned;

  /**
   * @param ended told after each completion, possibly within the call that made the request
   */
  DeviceRequests(
      Export export,
      ByteBufAllocator alloc,
      ReplyQueue replies,
      InFlightWindow window,
      TransferCounters counters,
      RequestMeter meter,
      Runnable ended) {
    this.export = export;
    this.device = export.device();
    this.alloc = alloc;
    this.replies = replies;
    this.window = window;
    this.counters = counters;
    this.meter = meter;
    this.ended = ended;
  }

  /** Requests from here on count their time from now. */
  void startBatch() {
    batchNanos = export.loop().nanoTime();
  }

  boolean isIdle() {
    return counters.inFlight() == 0;
  }

  /** Answers without asking the device. */
  void refuse(Command command, long cookie, long lengthBytes, int errno) {
    Request request = take(command, cookie, lengthBytes, 0);
    request.errno = errno;
    answer(request);
  }

  /**
   * Writes a payload.
   *
   * @param payload one reference to it is owned from here on
   * @param windowBytes already taken; given back when the write is done
   */
  void write(
      long cookie,
      boolean fua,
      long offsetBytes,
      ByteBuf payload,
      int index,
      int lengthBytes,
      long windowBytes) {
    Request request = take(Command.WRITE, cookie, lengthBytes, windowBytes);
    request.buffer = payload;
    begin(request);
    try {
      device.write(offsetBytes, payload, index, lengthBytes, fua, request);
    } catch (RuntimeException e) {
      failed(request, e);
    }
  }

  /** Does whatever has no payload. {@code windowBytes} as for {@link #write}. */
  void start(
      Command command,
      long cookie,
      int flags,
      long offsetBytes,
      long lengthBytes,
      long windowBytes) {
    Request request = take(command, cookie, lengthBytes, windowBytes);
    begin(request);
    try {
      if (lengthBytes == 0 && command != Command.FLUSH) {
        request.completed(null);
      } else {
        call(request, flags, offsetBytes);
      }
    } catch (RuntimeException e) {
      failed(request, e);
    }
  }

  private void call(Request request, int flags, long offsetBytes) {
    boolean fua = (flags & Wire.CMD_FLAG_FUA) != 0;
    long lengthBytes = request.lengthBytes;
    switch (request.command) {
      case READ -> {
        ByteBuf reply = alloc.directBuffer(Wire.SIMPLE_REPLY_BYTES + (int) lengthBytes);
        request.buffer = reply;
        device.read(offsetBytes, reply, Wire.SIMPLE_REPLY_BYTES, (int) lengthBytes, request);
      }
      case FLUSH -> device.flush(request);
      case TRIM -> device.discard(offsetBytes, lengthBytes, fua, request);
      case WRITE_ZEROES -> {
        boolean mayDiscard = (flags & Wire.CMD_FLAG_NO_HOLE) == 0;
        device.writeZeroes(offsetBytes, lengthBytes, mayDiscard, fua, request);
      }
      default -> throw new IllegalStateException(request.command + " is not for the device");
    }
  }

  private void begin(Request request) {
    request.atDevice = true;
    counters.requestStarted();
  }

  /** A device that throws has broken its contract; the client still gets an answer. */
  private void failed(Request request, RuntimeException e) {
    LOG.error("{} at {} failed unexpectedly", request.command, device.path(), e);
    if (request.atDevice) {
      request.completed(
          new DeviceException(Errno.EIO, "an internal error on " + device.path() + ": " + e));
    }
  }

  void completed(Request request, @Nullable DeviceException failure) {
    if (!request.atDevice) {
      throw new IllegalStateException(request.command + " completed twice at " + device.path());
    }
    request.atDevice = false;
    counters.requestCompleted();
    if (failure != null) {
      request.errno = RequestRules.onTheWire(failure.errno());
      LOG.debug("{} of export '{}' failed", request.command, export.name(), failure);
    }
    answer(request);
    ended.run();
  }

  private void answer(Request request) {
    ByteBuf buffer = request.buffer;
    request.buffer = null;
    boolean done = request.errno == 0;
    if (done && !abandoned && buffer != null && request.command == Command.READ) {
      counters.read((int) request.lengthBytes);
      replies.addRead(buffer, request.cookie, (int) request.lengthBytes, request.windowBytes);
    } else {
      if (buffer != null) {
        buffer.release();
      }
      if (done && request.command == Command.WRITE) {
        counters.written((int) request.lengthBytes);
      }
      if (request.windowBytes > 0) {
        window.give(request.windowBytes);
      }
      if (!abandoned) {
        replies.add(request.errno, request.cookie);
      }
    }
    counters.requestAnswered();
    request.next = unmeasured;
    unmeasured = request;
  }

  /** Sends the replies there are and measures the requests they answer. */
  void flush() {
    replies.flush();
    measure();
  }

  private void measure() {
    Request request = unmeasured;
    if (request == null) {
      return;
    }
    unmeasured = null;
    long now = export.loop().nanoTime();
    while (request != null) {
      Request next = request.next;
      meter.requestEnded(
          request.command, request.errno, request.lengthBytes, now - request.startNanos);
      recycle(request);
      request = next;
    }
  }

  /** The client is gone: what is at the device still ends, and nobody is told. */
  void abandon() {
    abandoned = true;
    replies.discard();
    measure();
  }

  private Request take(Command command, long cookie, long lengthBytes, long windowBytes) {
    Request request = free;
    if (request == null) {
      request = new Request(this);
    } else {
      free = request.next;
      request.next = null;
      freeCount--;
    }
    request.command = command;
    request.cookie = cookie;
    request.lengthBytes = lengthBytes;
    request.windowBytes = windowBytes;
    request.startNanos = batchNanos;
    request.errno = 0;
    return request;
  }

  private void recycle(Request request) {
    if (freeCount < MAX_FREE) {
      request.next = free;
      free = request;
      freeCount++;
    }
  }
}
