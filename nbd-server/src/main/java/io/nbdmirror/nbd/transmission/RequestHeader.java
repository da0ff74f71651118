package io.nbdmirror.nbd.transmission;

import io.nbdmirror.nbd.protocol.Command;
import io.nbdmirror.nbd.protocol.ReplyFormat;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;

/** What the request that was read last asks for. Overwritten by the next. */
final class RequestHeader {
  private final ReplyFormat format;

  Command command = Command.UNKNOWN;
  int flags;
  long cookie;

  /** As received: unsigned, all 64 bits. */
  long offsetBytes;

  /** Of the range; as received, unsigned. */
  long lengthBytes;

  /** What follows the header; unsigned. */
  long payloadBytes;

  /** BLOCK_STATUS: a bit for each of the connection's contexts that is to be told about. */
  int contexts;

  RequestHeader(ReplyFormat format) {
    this.format = format;
  }

  /** Takes over the request at {@code index}; false if that is none. */
  boolean decode(ByteBuf in, int index) {
    flags = in.getUnsignedShort(index + Wire.REQUEST_FLAGS);
    command = Command.of(in.getUnsignedShort(index + Wire.REQUEST_TYPE));
    cookie = in.getLong(index + Wire.REQUEST_COOKIE);
    offsetBytes = in.getLong(index + Wire.REQUEST_OFFSET);
    int length = index + Wire.REQUEST_LENGTH;
    boolean extended = format == ReplyFormat.EXTENDED;
    lengthBytes = extended ? in.getLong(length) : in.getUnsignedInt(length);
    // With extended headers a flag says so, but a WRITE without it is no less a WRITE.
    boolean payload =
        command == Command.WRITE || (extended && (flags & Wire.CMD_FLAG_PAYLOAD_LEN) != 0);
    payloadBytes = payload ? lengthBytes : 0;
    contexts = -1;
    return in.getInt(index) == format.requestMagic();
  }

  boolean has(int flag) {
    return (flags & flag) != 0;
  }

  /** Whether more follows the header than anyone may send. */
  boolean isOutOfProportion() {
    return payloadBytes < 0 || payloadBytes > RequestRules.MAX_DRAINED_BYTES;
  }
}
