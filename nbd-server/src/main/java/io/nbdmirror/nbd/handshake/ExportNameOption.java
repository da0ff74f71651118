package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.protocol.ReplyFormat;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;

/**
 * EXPORT_NAME, the oldest way to attach: a name, answered without a header. No error can be sent,
 * so whatever is wrong closes the connection.
 */
final class ExportNameOption implements Option {
  @Override
  public int code() {
    return Wire.OPT_EXPORT_NAME;
  }

  @Override
  public int maxDataBytes() {
    return Wire.MAX_STRING_BYTES;
  }

  @Override
  public OptionOutcome answer(Negotiation negotiation, ByteBuf data, ByteBuf out)
      throws OptionException {
    if (negotiation.format() == ReplyFormat.EXTENDED) {
      throw new OptionException(
          Wire.REP_ERR_INVALID, "with extended headers, exports are attached to with GO");
    }
    String name = ExportNames.decode(data, data.readerIndex(), data.readableBytes());
    Export export = negotiation.find(name);
    int flags = export.transmissionFlags(negotiation.format());
    OptionReplies.exportName(out, export.device().sizeBytes(), flags, negotiation.noZeroes());
    return new OptionOutcome.Attached(negotiation.negotiated(export, flags));
  }

  @Override
  public OptionOutcome refused(OptionException why) {
    return new OptionOutcome.Ended("EXPORT_NAME failed: " + why.getMessage());
  }
}
