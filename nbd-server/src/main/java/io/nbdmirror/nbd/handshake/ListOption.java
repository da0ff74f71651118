package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;

/** LIST: the name and description of every export. */
final class ListOption implements Option {
  @Override
  public int code() {
    return Wire.OPT_LIST;
  }

  @Override
  public OptionOutcome answer(Negotiation negotiation, ByteBuf data, ByteBuf out)
      throws OptionException {
    Option.requireEmpty(data, "LIST");
    for (Export export : negotiation.list()) {
      OptionReplies.server(out, export);
    }
    OptionReplies.ack(out, code());
    return new OptionOutcome.Answered();
  }
}
