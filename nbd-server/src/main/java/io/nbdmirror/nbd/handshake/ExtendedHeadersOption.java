package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.protocol.ReplyFormat;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;

/**
 * EXTENDED_HEADERS: from now on replies are chunks, and lengths have 64 bits both ways. Asking once
 * more changes nothing.
 */
final class ExtendedHeadersOption implements Option {
  @Override
  public int code() {
    return Wire.OPT_EXTENDED_HEADERS;
  }

  @Override
  public OptionOutcome answer(Negotiation negotiation, ByteBuf data, ByteBuf out)
      throws OptionException {
    Option.requireEmpty(data, "EXTENDED_HEADERS");
    negotiation.setFormat(ReplyFormat.EXTENDED);
    OptionReplies.ack(out, code());
    return new OptionOutcome.Answered();
  }
}
