package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.protocol.Wire;
import java.util.List;

/** What one client has agreed on so far, and the exports it may choose from. */
final class Negotiation {
  private final ExportRegistry exports;
  private final int clientFlags;

  Negotiation(ExportRegistry exports, int clientFlags) {
    this.exports = exports;
    this.clientFlags = clientFlags;
  }

  boolean fixedNewstyle() {
    return (clientFlags & Wire.FLAG_FIXED_NEWSTYLE) != 0;
  }

  boolean noZeroes() {
    return (clientFlags & Wire.FLAG_NO_ZEROES) != 0;
  }

  List<Export> list() {
    return exports.list();
  }

  /** The export that the client means by {@code name}. */
  Export find(String name) throws OptionException {
    return ExportNames.find(exports, name);
  }

  /** All of it, once the client attaches to {@code export}. */
  Negotiated negotiated(Export export, int transmissionFlags) {
    return new Negotiated(export, transmissionFlags, fixedNewstyle(), noZeroes());
  }
}
