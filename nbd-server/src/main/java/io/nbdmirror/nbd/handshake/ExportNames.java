package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.protocol.Wire;
import io.nbdmirror.nbd.protocol.WireString;
import io.netty.buffer.ByteBuf;

/** Names as clients send them, and the exports they mean. */
final class ExportNames {
  private ExportNames() {}

  static String decode(ByteBuf data, int index, int lengthBytes) throws OptionException {
    String name = WireString.decode(data, index, lengthBytes);
    if (name == null) {
      throw new OptionException(
          Wire.REP_ERR_INVALID,
          "an export's name is UTF-8 without NUL, at most %d bytes"
              .formatted(Wire.MAX_STRING_BYTES));
    }
    return name;
  }

  static Export find(ExportRegistry exports, String name) throws OptionException {
    Export export = exports.find(name);
    if (export != null) {
      return export;
    }
    // The name is not repeated: an answer longer than a string may be has undone servers before.
    throw new OptionException(
        Wire.REP_ERR_UNKNOWN,
        name.isEmpty()
            ? "there is no default export here; ask for one by name"
            : "there is no export of that name here");
  }
}
