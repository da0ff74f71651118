package io.nbdmirror.nbd.wire;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;

/** Takes replies of transmission apart and counts which requests they end. */
final class ReplyStream {
  private final Framing framing;

  /** How many bytes a simple reply to this cookie brings if it says that all is well. */
  private final Map<Long, Integer> readBytes = new HashMap<>();

  private final Map<Long, Integer> ends = new HashMap<>();

  ReplyStream(Framing framing) {
    this.framing = framing;
  }

  void reading(long cookie, int lengthBytes) {
    readBytes.put(cookie, lengthBytes);
  }

  /** How often a request was ended. */
  int ends(long cookie) {
    return ends.getOrDefault(cookie, 0);
  }

  /** Takes all of it, which must be whole replies and nothing else. */
  void take(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    while (in.hasRemaining()) {
      int magic = in.getInt();
      switch (magic) {
        case 0x67446698 -> simple(in);
        case 0x668e33ef -> chunk(in, false);
        case 0x6e8a278c -> chunk(in, true);
        default -> throw new AssertionError("0x%08x is not how a reply starts".formatted(magic));
      }
    }
  }

  private void simple(ByteBuffer in) {
    int error = in.getInt();
    long cookie = in.getLong();
    Integer dataBytes = readBytes.get(cookie);
    boolean read = dataBytes != null;
    if (framing == Framing.EXTENDED || (framing == Framing.STRUCTURED && (read || error != 0))) {
      throw new AssertionError("a simple reply to a client that asked for others");
    }
    if (dataBytes != null && error == 0) {
      skip(in, dataBytes);
    }
    ends.merge(cookie, 1, Integer::sum);
  }

  private void chunk(ByteBuffer in, boolean extended) {
    if (extended != (framing == Framing.EXTENDED) || framing == Framing.SIMPLE) {
      throw new AssertionError("a chunk that was not asked for");
    }
    int flags = in.getShort();
    in.getShort();
    long cookie = in.getLong();
    if (extended) {
      in.getLong();
    }
    skip(in, extended ? (int) in.getLong() : in.getInt());
    if (flags == 1) {
      ends.merge(cookie, 1, Integer::sum);
    }
  }

  private static void skip(ByteBuffer in, int bytes) {
    in.position(in.position() + bytes);
  }
}
