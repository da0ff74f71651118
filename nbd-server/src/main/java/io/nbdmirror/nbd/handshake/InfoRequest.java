package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;

/** What INFO and GO ask for: an export, and what to be told about it. */
record InfoRequest(String exportName, boolean name, boolean description, boolean blockSize) {

  /**
   * Reads all of an option's data.
   *
   * @throws OptionException if it is not well formed to the last byte
   */
  static InfoRequest decode(ByteBuf data) throws OptionException {
    int start = data.readerIndex();
    int lengthBytes = data.readableBytes();
    if (lengthBytes < Integer.BYTES + Short.BYTES) {
      throw malformed();
    }
    long nameBytes = data.getUnsignedInt(start);
    if (nameBytes > lengthBytes - Integer.BYTES - Short.BYTES) {
      throw malformed();
    }
    String exportName = ExportNames.decode(data, start + Integer.BYTES, (int) nameBytes);
    int at = start + Integer.BYTES + (int) nameBytes;
    int types = data.getUnsignedShort(at);
    at += Short.BYTES;
    if (at + types * Short.BYTES != start + lengthBytes) {
      throw malformed();
    }
    int wanted = 0;
    for (int i = 0; i < types; i++) {
      int type = data.getUnsignedShort(at + i * Short.BYTES);
      wanted |= type <= Wire.INFO_BLOCK_SIZE ? 1 << type : 0;
    }
    return new InfoRequest(
        exportName,
        (wanted & 1 << Wire.INFO_NAME) != 0,
        (wanted & 1 << Wire.INFO_DESCRIPTION) != 0,
        (wanted & 1 << Wire.INFO_BLOCK_SIZE) != 0);
  }

  /** Answers with what was asked for, size and flags always among it, but not yet with the ACK. */
  void answer(ByteBuf out, int option, Export export, int transmissionFlags) {
    OptionReplies.infoExport(out, option, export.device().sizeBytes(), transmissionFlags);
    if (name) {
      OptionReplies.infoText(out, option, Wire.INFO_NAME, export.name());
    }
    if (description && !export.description().isEmpty()) {
      OptionReplies.infoText(out, option, Wire.INFO_DESCRIPTION, export.description());
    }
    if (blockSize) {
      OptionReplies.infoBlockSize(out, option, export);
    }
  }

  private static OptionException malformed() {
    return new OptionException(
        Wire.REP_ERR_INVALID, "the lengths in this option do not add up to its length");
  }
}
