package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.MetaContext;
import io.nbdmirror.nbd.protocol.ReplyFormat;
import java.util.List;

/**
 * What a handshake that succeeded came to.
 *
 * @param export what the client is attached to
 * @param transmissionFlags what the client was told that the export can do
 * @param fixedNewstyle the client speaks the fixed dialect
 * @param noZeroes the client wants no padding behind the answer to EXPORT_NAME
 * @param format how requests and replies are framed
 * @param contexts what BLOCK_STATUS tells; the client knows them by {@link #contextId}
 */
public record Negotiated(
    Export export,
    int transmissionFlags,
    boolean fixedNewstyle,
    boolean noZeroes,
    ReplyFormat format,
    List<MetaContext> contexts) {

  public Negotiated {
    contexts = List.copyOf(contexts);
  }

  /** The number by which the client knows the context at {@code index}. */
  public static int contextId(int index) {
    return index + 1;
  }
}
