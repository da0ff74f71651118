package io.nbdmirror.nbd.transmission;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.handshake.Negotiated;
import io.nbdmirror.nbd.protocol.Command;
import io.nbdmirror.nbd.protocol.ReplyFormat;
import io.nbdmirror.nbd.protocol.Wire;
import org.jspecify.annotations.Nullable;

/** Which requests a client may make, and how the others are refused. */
final class RequestRules {
  /** A refused payload up to this is drained; above, the connection is closed. */
  static final int MAX_DRAINED_BYTES = 256 << 20;

  private final Export export;
  private final long sizeBytes;
  private final int transmissionFlags;
  private final ReplyFormat format;
  private final int contexts;

  RequestRules(Negotiated negotiated) {
    export = negotiated.export();
    sizeBytes = export.device().sizeBytes();
    transmissionFlags = negotiated.transmissionFlags();
    format = negotiated.format();
    contexts = negotiated.contexts().size();
  }

  /** Why a request is not to be done; null if it is. */
  @Nullable RequestError refusal(RequestHeader request) {
    Command command = request.command;
    if ((request.flags & ~allowedFlags(command)) != 0) {
      return command == Command.UNKNOWN ? RequestError.UNKNOWN_COMMAND : RequestError.WRONG_FLAG;
    }
    return switch (command) {
      case READ ->
          isTooLong(request) ? RequestError.TOO_LONG : within(request, RequestError.BEYOND_THE_END);
      case WRITE -> {
        if (has(Wire.READ_ONLY)) {
          yield RequestError.READ_ONLY;
        }
        yield isTooLong(request)
            ? RequestError.TOO_LONG
            : within(request, RequestError.NO_SPACE_BEYOND_THE_END);
      }
      case WRITE_ZEROES -> zeroes(request);
      case TRIM -> {
        if (has(Wire.READ_ONLY)) {
          yield RequestError.READ_ONLY;
        }
        yield has(Wire.SEND_TRIM)
            ? within(request, RequestError.BEYOND_THE_END)
            : RequestError.NO_TRIM;
      }
      case CACHE -> within(request, RequestError.BEYOND_THE_END);
      case BLOCK_STATUS -> status(request);
      case FLUSH -> null;
      case DISC, UNKNOWN -> RequestError.UNKNOWN_COMMAND;
    };
  }

  private @Nullable RequestError zeroes(RequestHeader request) {
    if (has(Wire.READ_ONLY)) {
      return RequestError.READ_ONLY;
    }
    RequestError error = within(request, RequestError.NO_SPACE_BEYOND_THE_END);
    if (error != null || !request.has(Wire.CMD_FLAG_FAST_ZERO)) {
      return error;
    }
    // What was fast in the handshake need not be: a member may have come that cannot.
    return request.has(Wire.CMD_FLAG_NO_HOLE) || !export.device().discards()
        ? RequestError.NOT_FAST
        : null;
  }

  private @Nullable RequestError status(RequestHeader request) {
    if (contexts == 0) {
      return RequestError.NO_CONTEXT;
    }
    if (request.lengthBytes == 0) {
      return RequestError.STATUS_OF_NOTHING;
    }
    return within(request, RequestError.BEYOND_THE_END);
  }

  private int allowedFlags(Command command) {
    int payload = format == ReplyFormat.EXTENDED ? Wire.CMD_FLAG_PAYLOAD_LEN : 0;
    return Wire.CMD_FLAG_FUA
        | switch (command) {
          case READ -> has(Wire.SEND_DF) ? Wire.CMD_FLAG_DF : 0;
          case WRITE -> payload;
          case WRITE_ZEROES ->
              Wire.CMD_FLAG_NO_HOLE | (has(Wire.SEND_FAST_ZERO) ? Wire.CMD_FLAG_FAST_ZERO : 0);
          case BLOCK_STATUS -> Wire.CMD_FLAG_REQ_ONE | payload;
          case FLUSH, TRIM, CACHE, DISC, UNKNOWN -> 0;
        };
  }

  private boolean has(int transmissionFlag) {
    return (transmissionFlags & transmissionFlag) != 0;
  }

  private static boolean isTooLong(RequestHeader request) {
    return request.lengthBytes < 0 || request.lengthBytes > Export.MAX_PAYLOAD_BYTES;
  }

  /** Null, or {@code otherwise}. So that nothing overflows: both are any 64 bits. */
  private @Nullable RequestError within(RequestHeader request, RequestError otherwise) {
    long offsetBytes = request.offsetBytes;
    long lengthBytes = request.lengthBytes;
    return offsetBytes >= 0
            && lengthBytes >= 0
            && offsetBytes <= sizeBytes
            && lengthBytes <= sizeBytes - offsetBytes
        ? null
        : otherwise;
  }
}
