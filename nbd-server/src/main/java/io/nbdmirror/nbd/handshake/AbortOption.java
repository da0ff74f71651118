package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;

/** ABORT: the client says goodbye. Data with it is not looked at. */
final class AbortOption implements Option {
  @Override
  public int code() {
    return Wire.OPT_ABORT;
  }

  @Override
  public OptionOutcome answer(Negotiation negotiation, ByteBuf data, ByteBuf out) {
    OptionReplies.ack(out, code());
    return new OptionOutcome.Aborted();
  }
}
