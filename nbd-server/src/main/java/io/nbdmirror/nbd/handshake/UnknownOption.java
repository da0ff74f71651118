package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;

/** Stands for every option that is not in the {@link Options} table. */
final class UnknownOption implements Option {
  private final int code;

  UnknownOption(int code) {
    this.code = code;
  }

  @Override
  public int code() {
    return code;
  }

  @Override
  public OptionOutcome answer(Negotiation negotiation, ByteBuf data, ByteBuf out)
      throws OptionException {
    throw new OptionException(Wire.REP_ERR_UNSUP, "this server does not know that option");
  }
}
