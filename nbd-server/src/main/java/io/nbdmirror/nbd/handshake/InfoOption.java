package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;

/** INFO and GO: what there is to know about an export; GO also attaches to it. */
final class InfoOption implements Option {
  private final int code;

  /**
   * @param code which of the two
   */
  InfoOption(int code) {
    this.code = code;
  }

  @Override
  public int code() {
    return code;
  }

  @Override
  public OptionOutcome answer(Negotiation negotiation, ByteBuf data, ByteBuf out)
      throws OptionException {
    InfoRequest request = InfoRequest.decode(data);
    Export export = negotiation.find(request.exportName());
    int flags = export.transmissionFlags(negotiation.format());
    request.answer(out, code, export, flags);
    OptionReplies.ack(out, code);
    return code == Wire.OPT_GO
        ? new OptionOutcome.Attached(negotiation.negotiated(export, flags))
        : new OptionOutcome.Answered();
  }
}
