package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.protocol.ReplyFormat;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;

/** STRUCTURED_REPLY: from now on replies are chunks. Asking once more changes nothing. */
final class StructuredReplyOption implements Option {
  @Override
  public int code() {
    return Wire.OPT_STRUCTURED_REPLY;
  }

  @Override
  public OptionOutcome answer(Negotiation negotiation, ByteBuf data, ByteBuf out)
      throws OptionException {
    Option.requireEmpty(data, "STRUCTURED_REPLY");
    if (negotiation.format() == ReplyFormat.EXTENDED) {
      throw new OptionException(
          Wire.REP_ERR_EXT_HEADER_REQD, "extended headers, which are more, were agreed on already");
    }
    negotiation.setFormat(ReplyFormat.STRUCTURED);
    OptionReplies.ack(out, code());
    return new OptionOutcome.Answered();
  }
}
