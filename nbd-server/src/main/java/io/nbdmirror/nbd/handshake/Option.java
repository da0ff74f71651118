package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;

/**
 * One option of the protocol: what its data must be and how it is answered. Each has a class of its
 * own, and a line in {@link Options}; what they agree on is kept in the {@link Negotiation}.
 */
interface Option {
  /** The protocol's number for it. */
  int code();

  /** The most data it takes, in bytes; longer is refused without being kept. */
  default int maxDataBytes() {
    return HandshakeLimits.OPTION_DATA_BYTES;
  }

  /** Its header has come, whatever will become of it. */
  default void announced(Negotiation negotiation) {}

  /**
   * Answers it once all its data is there.
   *
   * @param data its data and nothing else
   * @param out takes what the client is sent; thrown away after an exception
   * @throws OptionException if the client is to be sent an error
   */
  OptionOutcome answer(Negotiation negotiation, ByteBuf data, ByteBuf out) throws OptionException;

  /** What becomes of it when something forbids it. */
  default OptionOutcome refused(OptionException why) {
    return new OptionOutcome.Refused(why);
  }

  /** For options that take no data. */
  static void requireEmpty(ByteBuf data, String option) throws OptionException {
    if (data.isReadable()) {
      throw new OptionException(Wire.REP_ERR_INVALID, option + " takes no data");
    }
  }
}
