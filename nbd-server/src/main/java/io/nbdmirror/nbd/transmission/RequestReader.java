package io.nbdmirror.nbd.transmission;

import io.nbdmirror.nbd.handshake.Negotiated;
import io.nbdmirror.nbd.protocol.Command;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;

/**
 * Finds the requests in what a client sends, in place, and starts them.
 *
 * <pre>
 *  HEADER ─────────> READY ─────> HEADER      no payload, or all of it already received
 *    │                └─> GATHER ──> HEADER   a payload that spans receives
 *    ├─> STATUS ─────> READY                  the payload of a BLOCK_STATUS
 *    ├─ refused ─> DRAIN ──> HEADER           with the payload it brought
 *    └─ bad magic, DISC, a payload no one may send ─> ENDED
 * </pre>
 *
 * <p>A payload that lies in one receive buffer goes to the device as part of that buffer. Any other
 * is {@linkplain GatheredPayload gathered}.
 */
final class RequestReader {
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
    STATUS,
    DRAIN,
    ENDED
  }

  private final Owner owner;
  private final RequestRules rules;
  private final DeviceRequests requests;
  private final InFlightWindow window;
  private final TransferCounters counters;

  private Phase phase = Phase.HEADER;
  private final RequestHeader request;

  /** A header that spans receives, as far as it has arrived. */
  private final ByteBuf splitHeader;

  private final GatheredPayload gathered;
  private final StatusPayload statusPayload;
  private int bytesToDrain;

  RequestReader(
      Owner owner,
      Negotiated negotiated,
      DeviceRequests requests,
      InFlightWindow window,
      TransferCounters counters,
      ByteBufAllocator alloc) {
    this.owner = owner;
    this.requests = requests;
    this.window = window;
    this.counters = counters;
    rules = new RequestRules(negotiated);
    request = new RequestHeader(negotiated.format());
    int headerBytes = negotiated.format().requestBytes();
    splitHeader = Unpooled.buffer(headerBytes, headerBytes);
    gathered = new GatheredPayload(window, alloc);
    statusPayload = new StatusPayload(negotiated.contexts().size());
  }

  /** Reads on; what was left when it paused comes first the next time. */
  Progress read(ByteBuf in) {
    while (in.isReadable() || phase == Phase.READY) {
      boolean moved =
          switch (phase) {
            case HEADER -> owner.mayBegin() && header(in);
            case READY -> begin(in);
            case GATHER -> gather(in);
            case STATUS -> statusPayload(in);
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
    if (!splitHeader.isReadable() && in.readableBytes() >= splitHeader.capacity()) {
      int start = in.readerIndex();
      in.skipBytes(splitHeader.capacity());
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
    if (!request.decode(in, start)) {
      end();
      owner.streamBroken("0x%08x is not how a request starts".formatted(in.getInt(start)));
    } else if (request.command == Command.DISC) {
      end();
      owner.disconnectAsked();
    } else if (request.isOutOfProportion()) {
      end();
      owner.streamBroken(
          "a payload of %s bytes is out of all proportion"
              .formatted(Long.toUnsignedString(request.payloadBytes)));
    } else if (request.command == Command.BLOCK_STATUS && request.payloadBytes > 0) {
      statusAnnounced();
    } else {
      admitOrRefuse((int) request.payloadBytes);
    }
  }

  private void statusAnnounced() {
    if (statusPayload.takes(request.payloadBytes)) {
      phase = Phase.STATUS;
    } else {
      refuse(RequestError.WRONG_PAYLOAD, (int) request.payloadBytes);
    }
  }

  private boolean statusPayload(ByteBuf in) {
    if (statusPayload.take(in, (int) request.payloadBytes)) {
      if (statusPayload.apply(request)) {
        admitOrRefuse(0);
      } else {
        refuse(RequestError.WRONG_PAYLOAD, 0);
      }
    }
    return true;
  }

  /**
   * @param payloadBytes what is still to come of the request
   */
  private void admitOrRefuse(int payloadBytes) {
    RequestError error =
        owner.isShuttingDown() ? RequestError.SHUTTING_DOWN : rules.refusal(request);
    if (error == null) {
      phase = Phase.READY;
    } else {
      refuse(error, payloadBytes);
    }
  }

  private void refuse(RequestError error, int payloadBytes) {
    requests.refuse(request, error);
    bytesToDrain = payloadBytes;
    phase = bytesToDrain > 0 ? Phase.DRAIN : Phase.HEADER;
  }

  private boolean begin(ByteBuf in) {
    if (request.command == Command.WRITE && request.lengthBytes > 0) {
      return beginWrite(in);
    }
    long windowBytes = InFlightWindow.REQUEST_BYTES + requests.replyBytes(request);
    if (!window.tryTake(windowBytes)) {
      return false;
    }
    phase = Phase.HEADER;
    requests.start(request, windowBytes);
    return true;
  }

  private boolean beginWrite(ByteBuf in) {
    int length = (int) request.lengthBytes;
    long windowBytes = InFlightWindow.REQUEST_BYTES + request.lengthBytes;
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
    requests.write(request, in.retain(), index, windowBytes);
    return true;
  }

  /** Nothing of the payload is here: the next receive may well bring all of it. */
  private boolean awaitsPayload(ByteBuf in) {
    return request.command == Command.WRITE && request.lengthBytes > 0 && !in.isReadable();
  }

  private boolean usableInPlace(ByteBuf in) {
    boolean sparse = in.writerIndex() < in.capacity() / 4;
    return in.hasMemoryAddress() && !(sparse && counters.inFlight() >= MAX_SPARSE_IN_FLIGHT);
  }

  private boolean gather(ByteBuf in) {
    int length = (int) request.lengthBytes;
    if (!gathered.take(in, length)) {
      return false;
    }
    if (gathered.isComplete(length)) {
      phase = Phase.HEADER;
      long windowBytes = gathered.windowBytes();
      requests.write(request, gathered.give(), 0, windowBytes);
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

  /** Nothing more will be read; a payload that had begun is dropped. */
  void end() {
    phase = Phase.ENDED;
    gathered.drop();
  }
}
