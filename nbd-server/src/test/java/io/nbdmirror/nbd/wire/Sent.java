package io.nbdmirror.nbd.wire;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** What clients send, well formed or nearly. */
final class Sent {
  static final int EXPORT_NAME = 1;
  static final int ABORT = 2;
  static final int LIST = 3;
  static final int PEEK_EXPORT = 4;
  static final int INFO = 6;
  static final int GO = 7;
  static final int STRUCTURED_REPLY = 8;
  static final int LIST_META_CONTEXT = 9;
  static final int SET_META_CONTEXT = 10;
  static final int EXTENDED_HEADERS = 11;

  static final int READ = 0;
  static final int WRITE = 1;
  static final int DISC = 2;
  static final int FLUSH = 3;
  static final int TRIM = 4;
  static final int CACHE = 5;
  static final int WRITE_ZEROES = 6;
  static final int BLOCK_STATUS = 7;

  static final int FUA = 1;
  static final int NO_HOLE = 2;
  static final int DF = 4;
  static final int REQ_ONE = 8;
  static final int FAST_ZERO = 16;
  static final int PAYLOAD_LEN = 32;

  static final byte[] NOTHING = {};

  private Sent() {}

  static byte[] join(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }

  static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static byte[] int16(int value) {
    return ByteBuffer.allocate(2).putShort((short) value).array();
  }

  static byte[] int32(int value) {
    return ByteBuffer.allocate(4).putInt(value).array();
  }

  static byte[] int64(long value) {
    return ByteBuffer.allocate(8).putLong(value).array();
  }

  /** So many bytes, none of them zero. */
  static byte[] data(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (1 + (i * 31 + (i >> 8)) % 251);
    }
    return bytes;
  }

  static byte[] clientFlags(int flags) {
    return int32(flags);
  }

  static byte[] option(int code, byte[]... data) {
    byte[] all = join(data);
    return join(optionHeader(code, all.length), all);
  }

  static byte[] optionHeader(int code, int announcedBytes) {
    return join(int64(0x49484156454F5054L), int32(code), int32(announcedBytes));
  }

  /** A string behind its length. */
  static byte[] string(byte[] bytes) {
    return join(int32(bytes.length), bytes);
  }

  /** The data of INFO and GO. */
  static byte[] info(String name, int... types) {
    byte[] data = join(string(text(name)), int16(types.length));
    for (int type : types) {
      data = join(data, int16(type));
    }
    return data;
  }

  /** The data of LIST_META_CONTEXT and SET_META_CONTEXT. */
  static byte[] queries(String name, String... queries) {
    byte[] data = join(string(text(name)), int32(queries.length));
    for (String query : queries) {
      data = join(data, string(text(query)));
    }
    return data;
  }

  static byte[] request(
      Framing framing, int flags, int type, long cookie, long offset, long length) {
    boolean extended = framing == Framing.EXTENDED;
    return join(
        int32(extended ? 0x21e41c71 : 0x25609513),
        int16(flags),
        int16(type),
        int64(cookie),
        int64(offset),
        extended ? int64(length) : int32((int) length));
  }

  static byte[] write(Framing framing, int flags, long cookie, long offset, byte[] payload) {
    int all = framing == Framing.EXTENDED ? flags | PAYLOAD_LEN : flags;
    return join(request(framing, all, WRITE, cookie, offset, payload.length), payload);
  }
}
