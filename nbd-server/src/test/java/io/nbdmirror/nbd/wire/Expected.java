package io.nbdmirror.nbd.wire;

import static io.nbdmirror.nbd.wire.Sent.int16;
import static io.nbdmirror.nbd.wire.Sent.int32;
import static io.nbdmirror.nbd.wire.Sent.int64;
import static io.nbdmirror.nbd.wire.Sent.join;
import static io.nbdmirror.nbd.wire.Sent.text;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * One message that must come from the server: its bytes, or those before a sentence of any kind.
 */
final class Expected {
  static final int UNSUP = 0x80000001;
  static final int INVALID = 0x80000003;
  static final int UNKNOWN = 0x80000006;
  static final int SHUTDOWN = 0x80000007;
  static final int TOO_BIG = 0x80000009;
  static final int EXT_HEADER_REQD = 0x8000000a;

  static final int EPERM = 1;
  static final int EIO = 5;
  static final int EINVAL = 22;
  static final int ENOSPC = 28;
  static final int ENOTSUP = 95;
  static final int ESHUTDOWN = 108;

  private static final int ACK = 1;
  private static final int SERVER = 2;
  private static final int INFO_REPLY = 3;
  private static final int META_CONTEXT = 4;

  /** What {@link #consume} gives when more bytes must come. */
  static final int MORE = -1;

  /** What {@link #consume} gives when these are not the bytes. */
  static final int OTHER = -2;

  private enum Kind {
    /** Just these bytes. */
    EXACT,
    /** An option reply whose data, behind its 32-bit length, is a sentence. */
    OPTION_ERROR,
    /** A chunk whose data ends with a sentence behind its 16-bit length. */
    CHUNK_ERROR,
    /** The end of the stream. */
    CLOSED
  }

  private final Kind kind;
  private final byte[] bytes;

  /** Where the chunk's own length field is: behind the fixed bytes that a sentence changes. */
  private final int lengthIndex;

  private Expected(Kind kind, byte[] bytes, int lengthIndex) {
    this.kind = kind;
    this.bytes = bytes;
    this.lengthIndex = lengthIndex;
  }

  private static Expected exact(byte[]... bytes) {
    return new Expected(Kind.EXACT, join(bytes), 0);
  }

  /** The server closes the connection, with nothing more said. */
  static Expected closed() {
    return new Expected(Kind.CLOSED, Sent.NOTHING, 0);
  }

  boolean isEnd() {
    return kind == Kind.CLOSED;
  }

  static Expected greeting() {
    return exact(int64(0x4e42444d41474943L), int64(0x49484156454F5054L), int16(3));
  }

  private static Expected reply(int option, int type, byte[]... data) {
    byte[] all = join(data);
    return exact(int64(0x0003e889045565a9L), int32(option), int32(type), int32(all.length), all);
  }

  static Expected ack(int option) {
    return reply(option, ACK);
  }

  static Expected refused(int option, int type) {
    return new Expected(
        Kind.OPTION_ERROR, join(int64(0x0003e889045565a9L), int32(option), int32(type)), 0);
  }

  static Expected server(String name, String description) {
    return reply(Sent.LIST, SERVER, Sent.string(text(name)), text(description));
  }

  static Expected infoExport(int option, long size, int flags) {
    return reply(option, INFO_REPLY, int16(0), int64(size), int16(flags));
  }

  static Expected infoText(int option, int type, String text) {
    return reply(option, INFO_REPLY, int16(type), text(text));
  }

  static Expected blockSizes(int option, int least, int preferred, int most) {
    return reply(option, INFO_REPLY, int16(3), int32(least), int32(preferred), int32(most));
  }

  static Expected context(int option, int id, String name) {
    return reply(option, META_CONTEXT, int32(id), text(name));
  }

  static Expected exportName(long size, int flags, int zeroes) {
    return exact(int64(size), int16(flags), new byte[zeroes]);
  }

  static Expected simple(long cookie, int error) {
    return exact(int32(0x67446698), int32(error), int64(cookie));
  }

  static Expected simpleData(long cookie, byte[] data) {
    return exact(int32(0x67446698), int32(0), int64(cookie), data);
  }

  private static byte[] chunkHeader(
      Framing framing, int flags, int type, long cookie, long offset, int length) {
    boolean extended = framing == Framing.EXTENDED;
    return join(
        int32(extended ? 0x6e8a278c : 0x668e33ef),
        int16(flags),
        int16(type),
        int64(cookie),
        extended ? join(int64(offset), int64(length)) : int32(length));
  }

  /**
   * One chunk of a reply.
   *
   * @param last whether it says that it is the last
   * @param offset as the request had it
   */
  static Expected chunk(
      Framing framing, boolean last, int type, long cookie, long offset, byte[]... data) {
    byte[] all = join(data);
    return exact(chunkHeader(framing, last ? 1 : 0, type, cookie, offset, all.length), all);
  }

  /** Data of a read, which is all of it or starts at {@code at}. */
  static Expected data(
      Framing framing, boolean last, long cookie, long offset, long at, byte[] data) {
    return chunk(framing, last, 1, cookie, offset, int64(at), data);
  }

  static Expected hole(
      Framing framing, boolean last, long cookie, long offset, long at, int length) {
    return chunk(framing, last, 2, cookie, offset, int64(at), int32(length));
  }

  /** Extents of a context: a length and flags each. */
  static Expected status(
      Framing framing, boolean last, long cookie, long offset, int context, long... extents) {
    if (framing == Framing.EXTENDED) {
      byte[] data = join(int32(context), int32(extents.length / 2));
      for (long value : extents) {
        data = join(data, int64(value));
      }
      return chunk(framing, last, 6, cookie, offset, data);
    }
    byte[] data = int32(context);
    for (long value : extents) {
      data = join(data, int32((int) value));
    }
    return chunk(framing, last, 5, cookie, offset, data);
  }

  /** That a request is done, which has nothing to tell. */
  static Expected done(Framing framing, int type, long cookie, long offset) {
    boolean chunk =
        framing == Framing.EXTENDED || (framing == Framing.STRUCTURED && type == Sent.READ);
    return chunk ? chunk(framing, true, 0, cookie, offset) : simple(cookie, 0);
  }

  /** That a request failed. */
  static Expected failed(Framing framing, int error, long cookie, long offset) {
    if (framing == Framing.SIMPLE) {
      return simple(cookie, error);
    }
    byte[] header = chunkHeader(framing, 1, 0x8001, cookie, offset, 0);
    int lengthBytes = framing == Framing.EXTENDED ? 8 : 4;
    return new Expected(Kind.CHUNK_ERROR, join(header, int32(error)), header.length - lengthBytes);
  }

  /** How many bytes of {@code in} from {@code at} on are this message; or why none are. */
  int consume(byte[] in, int at, int end) {
    return switch (kind) {
      case EXACT -> exactly(in, at, end);
      case OPTION_ERROR -> optionError(in, at, end);
      case CHUNK_ERROR -> chunkError(in, at, end);
      case CLOSED -> at < end ? OTHER : MORE;
    };
  }

  private int exactly(byte[] in, int at, int end) {
    int there = Math.min(bytes.length, end - at);
    if (!Arrays.equals(in, at, at + there, bytes, 0, there)) {
      return OTHER;
    }
    return there == bytes.length ? there : MORE;
  }

  private int optionError(byte[] in, int at, int end) {
    int fixed = exactly(in, at, end);
    if (fixed < 0) {
      return fixed;
    }
    if (end - at < fixed + 4) {
      return MORE;
    }
    int length = ByteBuffer.wrap(in, at + fixed, 4).getInt();
    if (end - at < fixed + 4 + length) {
      return MORE;
    }
    return isSentence(in, at + fixed + 4, length) ? fixed + 4 + length : OTHER;
  }

  private int chunkError(byte[] in, int at, int end) {
    int fixed = bytes.length;
    if (end - at < fixed + 2) {
      return MORE;
    }
    // The length of the data is that of the sentence and six bytes more.
    int sentence = ByteBuffer.wrap(in, at + fixed, 2).getShort();
    byte[] filled = bytes.clone();
    boolean extended = filled.length == 36;
    byte[] length = extended ? int64(6L + sentence) : int32(6 + sentence);
    System.arraycopy(length, 0, filled, lengthIndex, length.length);
    if (!Arrays.equals(in, at, at + fixed, filled, 0, fixed)) {
      return OTHER;
    }
    if (end - at < fixed + 2 + sentence) {
      return MORE;
    }
    return isSentence(in, at + fixed + 2, sentence) ? fixed + 2 + sentence : OTHER;
  }

  /** Words for a person, and nothing of the files behind the export. */
  private static boolean isSentence(byte[] in, int at, int length) {
    try {
      String sentence =
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(in, at, length)).toString();
      return sentence.contains(" ") && sentence.indexOf('/') < 0 && sentence.indexOf('\0') < 0;
    } catch (CharacterCodingException notUtf8) {
      return false;
    }
  }

  @Override
  public String toString() {
    int shown = Math.min(bytes.length, 64);
    return kind
        + " "
        + HexFormat.of().formatHex(bytes, 0, shown)
        + (shown < bytes.length ? "…" : "");
  }
}
