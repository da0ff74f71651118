package io.nbdmirror.nbd.transmission;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.nbd.export.MetaContext;
import io.nbdmirror.nbd.export.StatusExtents;
import io.nbdmirror.nbd.handshake.Negotiated;
import io.nbdmirror.nbd.protocol.ReplyFormat;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The answer to one BLOCK_STATUS: a chunk for each context that is asked, one behind the other in
 * one buffer. Nothing is sent before the last has answered, so that an error can still be told.
 */
final class StatusReply {
  /**
   * How many extents a chunk has at most. The protocol would allow a million; a client that wants
   * more than these asks again, and no loop is held up nor memory taken for long.
   */
  static final int MAX_EXTENTS = 4096;

  private static final int FIRST_BYTES = 1024;
  private static final int WIDE_EXTENT_BYTES = 2 * Long.BYTES;

  private final ReplyFormat format;
  private final List<MetaContext> contexts;
  private final Request request;
  private final ByteBuf out;
  private int next;

  /**
   * @param out empty; the request's own
   */
  private StatusReply(
      ReplyFormat format, List<MetaContext> contexts, Request request, ByteBuf out) {
    this.format = format;
    this.contexts = contexts;
    this.request = request;
    this.out = out;
  }

  /** The bytes that answering for {@code contexts} of them takes at most. */
  static long mostBytes(int contexts) {
    return contexts
        * ((long) Wire.EXTENDED_REPLY_BYTES + 2 * Integer.BYTES + MAX_EXTENTS * WIDE_EXTENT_BYTES);
  }

  /** Answers; the request completes. */
  static void start(Negotiated negotiated, Request request, ByteBufAllocator alloc) {
    ByteBuf out = alloc.directBuffer(FIRST_BYTES);
    request.buffer = out;
    new StatusReply(negotiated.format(), negotiated.contexts(), request, out).describeNext();
  }

  private void describeNext() {
    while (next < contexts.size() && !isAsked(next)) {
      next++;
    }
    if (next == contexts.size()) {
      request.completed(null);
      return;
    }
    boolean wide = format == ReplyFormat.EXTENDED;
    int index = out.writerIndex();
    out.writeZero(format.headerBytes());
    out.writeInt(Negotiated.contextId(next));
    if (wide) {
      out.writeInt(0);
    }
    StatusExtents extents =
        new StatusExtents(
            out,
            wide,
            request.offsetBytes,
            request.lengthBytes,
            request.has(Wire.CMD_FLAG_REQ_ONE) ? 1 : MAX_EXTENTS);
    contexts.get(next).describe(extents, failure -> described(extents, index, failure));
  }

  private void described(StatusExtents extents, int index, @Nullable DeviceException failure) {
    if (failure != null) {
      request.completed(failure);
      return;
    }
    extents.finish();
    int dataIndex = index + format.headerBytes();
    boolean wide = format == ReplyFormat.EXTENDED;
    if (wide) {
      out.setInt(dataIndex + Integer.BYTES, extents.count());
    }
    next++;
    format.setChunk(
        out,
        index,
        isLast(),
        wide ? Wire.REPLY_BLOCK_STATUS_EXT : Wire.REPLY_BLOCK_STATUS,
        request.cookie,
        request.offsetBytes,
        out.writerIndex() - dataIndex);
    describeNext();
  }

  private boolean isAsked(int context) {
    return (request.contexts & 1 << context) != 0;
  }

  private boolean isLast() {
    for (int context = next; context < contexts.size(); context++) {
      if (isAsked(context)) {
        return false;
      }
    }
    return true;
  }
}
