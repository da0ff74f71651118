package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;

/** STARTTLS: the last thing said in the clear, and everything agreed on before it is forgotten. */
final class StartTlsOption implements Option {
  @Override
  public int code() {
    return Wire.OPT_STARTTLS;
  }

  @Override
  public OptionOutcome answer(Negotiation negotiation, ByteBuf data, ByteBuf out)
      throws OptionException {
    Option.requireEmpty(data, "STARTTLS");
    OptionException.throwIf(negotiation.admission().refusalOfTls());
    OptionReplies.ack(out, code());
    return new OptionOutcome.Secured();
  }
}
