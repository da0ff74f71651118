package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;

/** What options mean: answers one at a time and remembers what has been agreed. */
final class OptionNegotiation {
  private final ExportRegistry exports;
  private int clientFlags;

  OptionNegotiation(ExportRegistry exports) {
    this.exports = exports;
  }

  void clientFlags(int flags) {
    clientFlags = flags;
  }

  boolean fixedNewstyle() {
    return (clientFlags & Wire.FLAG_FIXED_NEWSTYLE) != 0;
  }

  private boolean noZeroes() {
    return (clientFlags & Wire.FLAG_NO_ZEROES) != 0;
  }

  Negotiated negotiated(Export export, int transmissionFlags) {
    return new Negotiated(export, transmissionFlags, fixedNewstyle(), noZeroes());
  }

  static boolean isSupported(int option) {
    return switch (option) {
      case Wire.OPT_EXPORT_NAME, Wire.OPT_ABORT, Wire.OPT_LIST, Wire.OPT_INFO, Wire.OPT_GO -> true;
      default -> false;
    };
  }

  /**
   * Answers a {@linkplain #isSupported supported} option.
   *
   * @param data holds the option's data from its reader index on
   * @param out takes what the client is sent; of no use after an exception
   * @throws OptionException if the client is to be sent an error
   */
  OptionOutcome answer(int option, ByteBuf data, int lengthBytes, ByteBuf out)
      throws OptionException {
    return switch (option) {
      case Wire.OPT_EXPORT_NAME -> exportName(data, lengthBytes, out);
      case Wire.OPT_ABORT -> {
        OptionReplies.ack(out, option);
        yield new OptionOutcome.Aborted();
      }
      case Wire.OPT_LIST -> list(lengthBytes, out);
      case Wire.OPT_INFO, Wire.OPT_GO -> info(option, data, lengthBytes, out);
      default -> throw new IllegalArgumentException("option " + option + " is not supported");
    };
  }

  private OptionOutcome exportName(ByteBuf data, int lengthBytes, ByteBuf out) {
    Export export;
    try {
      String name = ExportNames.decode(data, data.readerIndex(), lengthBytes);
      export = ExportNames.find(exports, name);
    } catch (OptionException refused) {
      return new OptionOutcome.Ended(String.valueOf(refused.getMessage()));
    }
    int flags = export.transmissionFlags();
    OptionReplies.exportName(out, export.device().sizeBytes(), flags, noZeroes());
    return new OptionOutcome.Attached(export, flags);
  }

  private OptionOutcome list(int lengthBytes, ByteBuf out) throws OptionException {
    if (lengthBytes != 0) {
      throw new OptionException(Wire.REP_ERR_INVALID, "LIST takes no data");
    }
    for (Export export : exports.list()) {
      OptionReplies.server(out, export);
    }
    OptionReplies.ack(out, Wire.OPT_LIST);
    return new OptionOutcome.Answered();
  }

  private OptionOutcome info(int option, ByteBuf data, int lengthBytes, ByteBuf out)
      throws OptionException {
    InfoRequest request = InfoRequest.decode(data, lengthBytes);
    Export export = ExportNames.find(exports, request.exportName());
    int flags = export.transmissionFlags();
    request.answer(out, option, export, flags);
    OptionReplies.ack(out, option);
    return option == Wire.OPT_GO
        ? new OptionOutcome.Attached(export, flags)
        : new OptionOutcome.Answered();
  }
}
