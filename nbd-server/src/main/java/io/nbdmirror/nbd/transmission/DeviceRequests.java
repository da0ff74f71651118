package io.nbdmirror.nbd.transmission;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.handshake.Negotiated;
import io.nbdmirror.nbd.protocol.Command;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * The requests of one connection: gives them to the device, answers them as they complete, and
 * measures them when their replies are flushed. Lives on the export's loop.
 */
final class DeviceRequests {
  private static final Logger LOG = LoggerFactory.getLogger(DeviceRequests.class);

  /** Enough for any client that means well; the list is then not worth its memory. */
  private static final int MAX_FREE = 1024;

  /** A longer hint would push out of the cache what it brings in. */
  private static final long MAX_READ_AHEAD_BYTES = 64L << 20;

  private static final int MAX_LOGGED_FAILURES = 10;

  private final Negotiated negotiated;
  private final Export export;
  private final BlockDevice device;
  private final Reads reads;
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
  private int loggedFailures;

  /**
   * @param ended told after each completion, possibly within the call that made the request
   */
  DeviceRequests(
      Negotiated negotiated,
      ByteBufAllocator alloc,
      ReplyQueue replies,
      InFlightWindow window,
      TransferCounters counters,
      RequestMeter meter,
      Runnable ended) {
    this.negotiated = negotiated;
    export = negotiated.export();
    device = export.device();
    reads = new Reads(device, negotiated.format(), alloc);
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
  void refuse(RequestHeader header, RequestError error) {
    answer(take(header, 0), error);
  }

  /** The most bytes that the data of a request's reply takes. */
  long replyBytes(RequestHeader header) {
    return switch (header.command) {
      case READ -> header.lengthBytes;
      case BLOCK_STATUS -> StatusReply.mostBytes(negotiated.contexts().size());
      default -> 0;
    };
  }

  /**
   * Writes a payload.
   *
   * @param payload one reference to it is owned from here on
   * @param windowBytes already taken; given back when the write is done
   */
  void write(RequestHeader header, ByteBuf payload, int index, long windowBytes) {
    Request request = take(header, windowBytes);
    request.buffer = payload;
    begin(request);
    try {
      boolean fua = request.has(Wire.CMD_FLAG_FUA);
      device.write(request.offsetBytes, payload, index, (int) request.lengthBytes, fua, request);
    } catch (RuntimeException e) {
      failed(request, e);
    }
  }

  /** Does whatever has no payload. {@code windowBytes} as for {@link #write}. */
  void start(RequestHeader header, long windowBytes) {
    Request request = take(header, windowBytes);
    begin(request);
    try {
      if (request.lengthBytes == 0 && request.command != Command.FLUSH) {
        request.completed(null);
      } else {
        call(request);
      }
    } catch (RuntimeException e) {
      failed(request, e);
    }
  }

  private void call(Request request) {
    boolean fua = request.has(Wire.CMD_FLAG_FUA);
    long offsetBytes = request.offsetBytes;
    long lengthBytes = request.lengthBytes;
    switch (request.command) {
      case READ -> reads.start(request);
      case FLUSH -> device.flush(request);
      case TRIM -> device.discard(offsetBytes, lengthBytes, fua, request);
      case WRITE_ZEROES -> {
        boolean mayDiscard = !request.has(Wire.CMD_FLAG_NO_HOLE);
        device.writeZeroes(offsetBytes, lengthBytes, mayDiscard, fua, request);
      }
      case CACHE ->
          device.readAhead(offsetBytes, Math.min(lengthBytes, MAX_READ_AHEAD_BYTES), request);
      case BLOCK_STATUS -> StatusReply.start(negotiated, request, alloc);
      default -> throw new IllegalStateException(request.command + " is not for the device");
    }
  }

  private void begin(Request request) {
    request.atDevice = true;
    counters.requestStarted();
  }

  /** A device that throws has broken its contract; the client still gets an answer. */
  void failed(Request request, RuntimeException e) {
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
    if (request.command == Command.READ && !abandoned && Reads.mustRepeat(request, failure)) {
      reads.again(request);
      return;
    }
    request.atDevice = false;
    counters.requestCompleted();
    if (failure == null) {
      answer(request, null);
    } else {
      logFailure(request, failure);
      answer(request, RequestError.of(request, failure));
    }
    ended.run();
  }

  /** The client is told less than this says, so it must be found in the log; but not for ever. */
  private void logFailure(Request request, DeviceException failure) {
    Level level = loggedFailures < MAX_LOGGED_FAILURES ? Level.WARN : Level.DEBUG;
    loggedFailures++;
    LOG.atLevel(level)
        .log(
            "{} of {} bytes at offset {} of export '{}' failed: {}",
            request.command,
            request.lengthBytes,
            request.offsetBytes,
            export.name(),
            failure.getMessage());
  }

  private void answer(Request request, @Nullable RequestError error) {
    ByteBuf buffer = request.buffer;
    request.buffer = null;
    boolean read = request.command == Command.READ;
    request.errno = error == null ? 0 : error.errno();
    if (error == null && !abandoned && buffer != null && request.command != Command.WRITE) {
      if (read) {
        reads.complete(request, buffer);
        counters.read((int) request.lengthBytes);
      }
      replies.addReply(buffer, request.windowBytes);
    } else {
      if (buffer != null) {
        buffer.release();
      }
      if (error == null && request.command == Command.WRITE) {
        counters.written((int) request.lengthBytes);
      }
      if (request.windowBytes > 0) {
        window.give(request.windowBytes);
      }
      if (!abandoned) {
        answerWithoutData(request, read, error);
      }
    }
    counters.requestAnswered(error == null);
    request.next = unmeasured;
    unmeasured = request;
  }

  private void answerWithoutData(Request request, boolean read, @Nullable RequestError error) {
    if (error == null) {
      replies.addDone(read, request.cookie, request.offsetBytes);
    } else {
      replies.addError(error, request.cookie, request.offsetBytes);
    }
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

  private Request take(RequestHeader header, long windowBytes) {
    Request request = free;
    if (request == null) {
      request = new Request(this);
    } else {
      free = request.next;
      freeCount--;
    }
    request.reset(header, windowBytes, batchNanos);
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
