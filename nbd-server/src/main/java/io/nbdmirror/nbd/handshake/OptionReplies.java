package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.protocol.Wire;
import io.nbdmirror.nbd.protocol.WireString;
import io.netty.buffer.ByteBuf;

/** Encodes the answers to options, at the end of a buffer. */
final class OptionReplies {
  private OptionReplies() {}

  static void greeting(ByteBuf out) {
    out.writeLong(Wire.GREETING_MAGIC);
    out.writeLong(Wire.OPTION_MAGIC);
    out.writeShort(Wire.FLAG_FIXED_NEWSTYLE | Wire.FLAG_NO_ZEROES);
  }

  static void ack(ByteBuf out, int option) {
    header(out, option, Wire.REP_ACK, 0);
  }

  static void error(ByteBuf out, int option, OptionException refusal) {
    byte[] sentence = WireString.encode(String.valueOf(refusal.getMessage()));
    header(out, option, refusal.replyType(), sentence.length);
    out.writeBytes(sentence);
  }

  static void server(ByteBuf out, Export export) {
    byte[] name = WireString.encode(export.name());
    byte[] description = WireString.encode(export.description());
    header(out, Wire.OPT_LIST, Wire.REP_SERVER, Integer.BYTES + name.length + description.length);
    out.writeInt(name.length);
    out.writeBytes(name);
    out.writeBytes(description);
  }

  static void infoExport(ByteBuf out, int option, long sizeBytes, int transmissionFlags) {
    header(out, option, Wire.REP_INFO, 12);
    out.writeShort(Wire.INFO_EXPORT);
    out.writeLong(sizeBytes);
    out.writeShort(transmissionFlags);
  }

  static void infoText(ByteBuf out, int option, int type, String text) {
    byte[] bytes = WireString.encode(text);
    header(out, option, Wire.REP_INFO, Short.BYTES + bytes.length);
    out.writeShort(type);
    out.writeBytes(bytes);
  }

  static void infoBlockSize(ByteBuf out, int option, Export export) {
    header(out, option, Wire.REP_INFO, 14);
    out.writeShort(Wire.INFO_BLOCK_SIZE);
    out.writeInt(export.device().blockBytes());
    out.writeInt(export.preferredBlockBytes());
    out.writeInt(Export.ADVERTISED_PAYLOAD_BYTES);
  }

  static void metaContext(ByteBuf out, int option, int id, String context) {
    byte[] name = WireString.encode(context);
    header(out, option, Wire.REP_META_CONTEXT, Integer.BYTES + name.length);
    out.writeInt(id);
    out.writeBytes(name);
  }

  /** The answer to EXPORT_NAME, which has no header. */
  static void exportName(ByteBuf out, long sizeBytes, int transmissionFlags, boolean noZeroes) {
    out.writeLong(sizeBytes);
    out.writeShort(transmissionFlags);
    if (!noZeroes) {
      out.writeZero(Wire.EXPORT_NAME_PADDING_BYTES);
    }
  }

  private static void header(ByteBuf out, int option, int type, int lengthBytes) {
    out.writeLong(Wire.OPTION_REPLY_MAGIC);
    out.writeInt(option);
    out.writeInt(type);
    out.writeInt(lengthBytes);
  }
}
