package io.nbdmirror.nbd.transmission;

import io.nbdmirror.io.Errno;
import io.nbdmirror.nbd.protocol.Command;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/**
 * Finds the requests in what a client sends, in place, and starts them.
 *
 * <pre>
 *  HEADER ──────> READY ──────> HEADER        no payload, or all of it already received
 *    │              └─> GATHER ──> HEADER     a payload that spans receives
 *    ├─ refused WRITE ─> DRAIN ──> HEADER
 *    └─ bad magic, DISC, a payload no one may send ─> ENDED
 * </pre>
 *
 * <p>A payload that lies in one receive buffer goes to the device as part of that buffer. Any other
 * is gathered in a buffer that grows with what has arrived, never with what was announced.
 */
final class RequestReader {
  /** Where a gathered payload starts out; then it doubles. */
  private static final int FIRST_GATHER_BYTES = 128 << 10;

  /**
   * Beyond this many requests in flight, a payload from a receive buffer that is mostly empty is
   * copied: each would keep a whole buffer alive, far more than its window accounts for.
   */
  private static final int MAX_SPARSE_IN_FLIGHT = 64;

  /** How reading what was received ended. */
  enum Progress {
    /** All of it is consumed. */
    CONSUMED,
    /** Some is left, until there is room for what it asks for. */
    PAUSED,
    /** Nothing that the client may send matters any more. */
    ENDED
  }

  /** What the reader asks and tells the connection. */
  interface Owner {
    /** Whether one more request may be begun now. */
    boolean mayBegin();

    /** Whether all requests are refused with ESHUTDOWN. */
    boolean isShuttingDown();

    /** The client has asked to be disconnected. */
    void disconnectAsked();

    /** The stream makes no sense from here on. */
    void streamBroken(String why);
  }

  private enum Phase {
    HEADER,
    READY,
    GATHER,
    DRAIN,
    ENDED
  }

  private final Owner owner;
  private final RequestRules rules;
  private final DeviceRequests requests;
  private final InFlightWindow window;
  private final TransferCounters counters;
  private final ByteBufAllocator alloc;

  private Phase phase = Phase.HEADER;

  /** A header that spans receives, as far as it has arrived. */
  private final ByteBuf splitHeader = Unpooled.buffer(Wire.REQUEST_BYTES, Wire.REQUEST_BYTES);

  private Command command = Command.UNKNOWN;
  private int flags;
  private long cookie;
  private long offsetBytes;
  private long lengthBytes;

  private int bytesToDrain;
  private @Nullable ByteBuf gathered;
  private long gatheredWindowBytes;

  RequestReader(
      Owner owner,
      RequestRules rules,
      DeviceRequests requests,
      InFlightWindow window,
      TransferCounters counters,
      ByteBufAllocator alloc) {
    this.owner = owner;
    this.rules = rules;
    this.requests = requests;
    this.window = window;
    this.counters = counters;
    this.alloc = alloc;
  }

  /** Reads on; what was left when it paused comes first the next time. */
  Progress read(ByteBuf in) {
    while (in.isReadable() || phase == Phase.READY) {
      boolean moved =
          switch (phase) {
            case HEADER -> owner.mayBegin() && header(in);
            case READY -> begin(in);
            case GATHER -> gather(in);
            case DRAIN -> drain(in);
            case ENDED -> false;
          };
      if (phase == Phase.ENDED) {
        return Progress.ENDED;
      }
      if (!moved) {
        return in.isReadable() || (phase == Phase.READY && !awaitsPayload(in))
            ? Progress.PAUSED
            : Progress.CONSUMED;
      }
    }
    return Progress.CONSUMED;
  }

  private boolean header(ByteBuf in) {
    if (!splitHeader.isReadable() && in.readableBytes() >= Wire.REQUEST_BYTES) {
      int start = in.readerIndex();
      in.skipBytes(Wire.REQUEST_BYTES);
      decode(in, start);
      return true;
    }
    int bytes = Math.min(splitHeader.writableBytes(), in.readableBytes());
    splitHeader.writeBytes(in, bytes);
    if (!splitHeader.isWritable()) {
      splitHeader.clear();
      decode(splitHeader, 0);
    }
    return true;
  }

  private void decode(ByteBuf in, int start) {
    int magic = in.getInt(start);
    flags = in.getUnsignedShort(start + Wire.REQUEST_FLAGS);
    command = Command.of(in.getUnsignedShort(start + Wire.REQUEST_TYPE));
    cookie = in.getLong(start + Wire.REQUEST_COOKIE);
    offsetBytes = in.getLong(start + Wire.REQUEST_OFFSET);
    lengthBytes = in.getUnsignedInt(start + Wire.REQUEST_LENGTH);
    if (magic != Wire.REQUEST_MAGIC) {
      phase = Phase.ENDED;
      owner.streamBroken("0x%08x is not how a request starts".formatted(magic));
    } else if (command == Command.DISC) {
      phase = Phase.ENDED;
      owner.disconnectAsked();
    } else if (command == Command.WRITE && lengthBytes > RequestRules.MAX_DRAINED_BYTES) {
      phase = Phase.ENDED;
      owner.streamBroken("a write of %d bytes is out of all proportion".formatted(lengthBytes));
    } else {
      admitOrRefuse();
    }
  }

  private void admitOrRefuse() {
    int errno =
        owner.isShuttingDown()
            ? Errno.ESHUTDOWN
            : rules.errno(command, flags, offsetBytes, lengthBytes);
    if (errno == 0) {
      phase = Phase.READY;
      return;
    }
    requests.refuse(command, cookie, lengthBytes, errno);
    bytesToDrain = command == Command.WRITE ? (int) lengthBytes : 0;
    phase = bytesToDrain > 0 ? Phase.DRAIN : Phase.HEADER;
  }

  private boolean begin(ByteBuf in) {
    if (command == Command.WRITE && lengthBytes > 0) {
      return beginWrite(in);
    }
    long windowBytes = InFlightWindow.REQUEST_BYTES + (command == Command.READ ? lengthBytes : 0);
    if (!window.tryTake(windowBytes)) {
      return false;
    }
    phase = Phase.HEADER;
    requests.start(command, cookie, flags, offsetBytes, lengthBytes, windowBytes);
    return true;
  }

  private boolean beginWrite(ByteBuf in) {
    int length = (int) lengthBytes;
    long windowBytes = InFlightWindow.REQUEST_BYTES + lengthBytes;
    if (awaitsPayload(in)) {
      return false;
    }
    if (in.readableBytes() < length || !usableInPlace(in)) {
      if (!window.fits(windowBytes)) {
        return false;
      }
      phase = Phase.GATHER;
      return true;
    }
    if (!window.tryTake(windowBytes)) {
      return false;
    }
    phase = Phase.HEADER;
    int index = in.readerIndex();
    in.skipBytes(length);
    requests.write(cookie, isFua(), offsetBytes, in.retain(), index, length, windowBytes);
    return true;
  }

  /** Nothing of the payload is here: the next receive may well bring all of it. */
  private boolean awaitsPayload(ByteBuf in) {
    return command == Command.WRITE && lengthBytes > 0 && !in.isReadable();
  }

  private boolean usableInPlace(ByteBuf in) {
    boolean sparse = in.writerIndex() < in.capacity() / 4;
    return in.hasMemoryAddress() && !(sparse && counters.inFlight() >= MAX_SPARSE_IN_FLIGHT);
  }

  private boolean gather(ByteBuf in) {
    int length = (int) lengthBytes;
    ByteBuf target = gathered;
    int arrived = target == null ? 0 : target.writerIndex();
    int bytes = Math.min(length - arrived, in.readableBytes());
    int capacity = target == null ? 0 : target.capacity();
    if (arrived + bytes > capacity) {
      int grown = Math.max(arrived + bytes, Math.max(FIRST_GATHER_BYTES, 2 * capacity));
      grown = Math.min(length, grown);
      long more = (long) grown - capacity + (target == null ? InFlightWindow.REQUEST_BYTES : 0);
      if (!window.tryTakeToFinish(more)) {
        return false;
      }
      gatheredWindowBytes += more;
      target = target == null ? alloc.directBuffer(grown, length) : target.capacity(grown);
      gathered = target;
    }
    if (target == null) {
      throw new IllegalStateException("a payload of no bytes is not gathered");
    }
    target.writeBytes(in, bytes);
    if (target.writerIndex() == length) {
      phase = Phase.HEADER;
      long windowBytes = gatheredWindowBytes;
      gathered = null;
      gatheredWindowBytes = 0;
      window.finished();
      requests.write(cookie, isFua(), offsetBytes, target, 0, length, windowBytes);
    }
    return true;
  }

  private boolean drain(ByteBuf in) {
    int bytes = Math.min(bytesToDrain, in.readableBytes());
    in.skipBytes(bytes);
    bytesToDrain -= bytes;
    if (bytesToDrain == 0) {
      phase = Phase.HEADER;
    }
    return true;
  }

  private boolean isFua() {
    return (flags & Wire.CMD_FLAG_FUA) != 0;
  }

  /** Nothing more will be read; a payload that had begun is dropped. */
  void end() {
    phase = Phase.ENDED;
    ByteBuf dropped = gathered;
    if (dropped != null) {
      gathered = null;
      dropped.release();
    }
    window.finished();
    if (gatheredWindowBytes > 0) {
      long windowBytes = gatheredWindowBytes;
      gatheredWindowBytes = 0;
      window.give(windowBytes);
    }
  }
}
