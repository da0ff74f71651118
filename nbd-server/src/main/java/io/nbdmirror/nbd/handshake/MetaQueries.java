package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.MetaContext;
import io.nbdmirror.nbd.protocol.Wire;
import io.nbdmirror.nbd.protocol.WireString;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;

/**
 * Which contexts of which export a client asks for. A query is a context's whole name or, where
 * wildcards count, its beginning up to a colon; whatever it means to others is ignored.
 *
 * <p>There may be a million queries in an option: they are compared as they lie there.
 */
final class MetaQueries {
  /** Wildcards choose from namespaces of this kind; the others only list by them. */
  private static final ByteBuf VENDOR = Unpooled.copiedBuffer(WireString.encode("x-"));

  private final String exportName;

  /** All queries, each behind its length. Checked. */
  private final ByteBuf queries;

  private final long count;

  private MetaQueries(String exportName, ByteBuf queries, long count) {
    this.exportName = exportName;
    this.queries = queries;
    this.count = count;
  }

  /**
   * Reads all of an option's data.
   *
   * @param data of which parts are kept for as long as this is used
   * @throws OptionException if it is not well formed to the last byte
   */
  static MetaQueries decode(ByteBuf data) throws OptionException {
    int nameBytes = lengthAt(data, data.readerIndex());
    String name = ExportNames.decode(data, data.readerIndex() + Integer.BYTES, nameBytes);
    data.skipBytes(Integer.BYTES + nameBytes);
    if (data.readableBytes() < Integer.BYTES) {
      throw malformed();
    }
    long count = data.readUnsignedInt();
    int at = data.readerIndex();
    for (long i = 0; i < count; i++) {
      int lengthBytes = lengthAt(data, at);
      at += Integer.BYTES;
      if (!isString(data, at, lengthBytes)) {
        throw new OptionException(
            Wire.REP_ERR_INVALID,
            "a query is UTF-8 without NUL, at most %d bytes".formatted(Wire.MAX_STRING_BYTES));
      }
      at += lengthBytes;
    }
    if (at != data.writerIndex()) {
      throw malformed();
    }
    return new MetaQueries(name, data, count);
  }

  /** The length that stands at {@code index} and is no more than what follows it. */
  private static int lengthAt(ByteBuf data, int index) throws OptionException {
    int rest = data.writerIndex() - index - Integer.BYTES;
    if (rest < 0 || data.getUnsignedInt(index) > rest) {
      throw malformed();
    }
    return data.getInt(index);
  }

  private static boolean isString(ByteBuf data, int index, int lengthBytes) {
    if (lengthBytes > Wire.MAX_STRING_BYTES) {
      return false;
    }
    boolean plain = data.forEachByte(index, lengthBytes, value -> value > 0) < 0;
    return plain || WireString.decode(data, index, lengthBytes) != null;
  }

  private static OptionException malformed() {
    return new OptionException(
        Wire.REP_ERR_INVALID, "the lengths in this option do not add up to its length");
  }

  String exportName() {
    return exportName;
  }

  /** What a LIST names: without any query, all there is. */
  List<MetaContext> listedOf(List<MetaContext> contexts) {
    return count == 0 ? contexts : matching(contexts, true);
  }

  /** What a SET chooses, each of it once. */
  List<MetaContext> selectedOf(List<MetaContext> contexts) {
    return matching(contexts, false);
  }

  private List<MetaContext> matching(List<MetaContext> contexts, boolean listing) {
    List<MetaContext> matching = new ArrayList<>();
    for (MetaContext context : contexts) {
      ByteBuf name = Unpooled.wrappedBuffer(WireString.encode(context.name()));
      if (isAskedFor(name, listing)) {
        matching.add(context);
      }
    }
    return matching;
  }

  private boolean isAskedFor(ByteBuf name, boolean listing) {
    int at = queries.readerIndex();
    for (long i = 0; i < count; i++) {
      int lengthBytes = queries.getInt(at);
      at += Integer.BYTES;
      if (matches(name, at, lengthBytes, listing)) {
        return true;
      }
      at += lengthBytes;
    }
    return false;
  }

  private boolean matches(ByteBuf name, int index, int lengthBytes, boolean listing) {
    int nameBytes = name.readableBytes();
    if (lengthBytes == 0
        || lengthBytes > nameBytes
        || !ByteBufUtil.equals(name, 0, queries, index, lengthBytes)) {
      return false;
    }
    return lengthBytes == nameBytes
        || (queries.getByte(index + lengthBytes - 1) == ':' && (listing || isVendor(name)));
  }

  private static boolean isVendor(ByteBuf name) {
    return ByteBufUtil.equals(name, 0, VENDOR, 0, VENDOR.readableBytes());
  }
}
