package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.MetaContext;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;
import java.util.List;

/**
 * LIST_META_CONTEXT and SET_META_CONTEXT: what an export can tell of its parts, and which of it
 * BLOCK_STATUS is to tell. Whatever becomes of a SET, what an earlier one chose is forgotten.
 */
final class MetaContextOption implements Option {
  /** A client may ask for many contexts by name. */
  private static final int DATA_BYTES = 4 << 20;

  /** What a LIST gives as every context's number, which only a SET gives out. */
  private static final int NO_ID = 0;

  private final int code;

  /**
   * @param code which of the two
   */
  MetaContextOption(int code) {
    this.code = code;
  }

  @Override
  public int code() {
    return code;
  }

  @Override
  public int maxDataBytes() {
    return DATA_BYTES;
  }

  @Override
  public void announced(Negotiation negotiation) {
    if (code == Wire.OPT_SET_META_CONTEXT) {
      negotiation.forgetContexts();
    }
  }

  @Override
  public OptionOutcome answer(Negotiation negotiation, ByteBuf data, ByteBuf out)
      throws OptionException {
    if (!negotiation.format().isStructured()) {
      throw new OptionException(
          Wire.REP_ERR_INVALID, "metadata contexts need structured replies: ask for those first");
    }
    MetaQueries queries = MetaQueries.decode(data);
    Export export = negotiation.find(queries.exportName());
    if (code == Wire.OPT_SET_META_CONTEXT) {
      List<MetaContext> selected = queries.selectedOf(export.contexts());
      negotiation.selectContexts(export, selected);
      for (int i = 0; i < selected.size(); i++) {
        OptionReplies.metaContext(out, code, Negotiated.contextId(i), selected.get(i).name());
      }
    } else {
      for (MetaContext listed : queries.listedOf(export.contexts())) {
        OptionReplies.metaContext(out, code, NO_ID, listed.name());
      }
    }
    OptionReplies.ack(out, code);
    return new OptionOutcome.Answered();
  }
}
