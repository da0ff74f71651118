package io.nbdmirror.nbd.protocol;

import io.netty.buffer.ByteBuf;

/**
 * The three ways in which requests and replies are framed; a client asks for one in the handshake.
 * Encodes replies; which of them a request gets is not known here.
 */
public enum ReplyFormat {
  /** An error number and, after a read, the data. */
  SIMPLE(Wire.REQUEST_MAGIC, Wire.REQUEST_BYTES, Wire.SIMPLE_REPLY_BYTES),
  /** Chunks, of which the last says that it is. */
  STRUCTURED(Wire.REQUEST_MAGIC, Wire.REQUEST_BYTES, Wire.STRUCTURED_REPLY_BYTES),
  /** Chunks, and lengths of 64 bits both ways. */
  EXTENDED(Wire.EXTENDED_REQUEST_MAGIC, Wire.EXTENDED_REQUEST_BYTES, Wire.EXTENDED_REPLY_BYTES);

  /** The data of an OFFSET_HOLE chunk. */
  private static final int HOLE_BYTES = Long.BYTES + Integer.BYTES;

  private final int requestMagic;
  private final int requestBytes;
  private final int headerBytes;

  ReplyFormat(int requestMagic, int requestBytes, int headerBytes) {
    this.requestMagic = requestMagic;
    this.requestBytes = requestBytes;
    this.headerBytes = headerBytes;
  }

  /** What a request starts with. */
  public int requestMagic() {
    return requestMagic;
  }

  /** Bytes of a request without its payload. */
  public int requestBytes() {
    return requestBytes;
  }

  /** Whether replies are chunks. */
  public boolean isStructured() {
    return this != SIMPLE;
  }

  /** Bytes of the header of a reply or chunk. */
  public int headerBytes() {
    return headerBytes;
  }

  /** Bytes in front of the data in a reply or chunk that carries some. */
  public int dataIndex() {
    return isStructured() ? headerBytes + Long.BYTES : headerBytes;
  }

  /** Bytes of a chunk that stands for a hole. */
  public int holeChunkBytes() {
    return headerBytes + HOLE_BYTES;
  }

  /** Bytes of an error, at most, when its sentence has {@code sentenceBytes}. */
  public int errorBytes(int sentenceBytes) {
    return isStructured() ? headerBytes + Integer.BYTES + Short.BYTES + sentenceBytes : headerBytes;
  }

  /**
   * Puts what belongs in front of data.
   *
   * @param index where the reply or chunk starts; the data is {@link #dataIndex} bytes behind
   * @param last whether this completes the reply; a simple one has no other
   * @param requestOffsetBytes as the request had it
   */
  public void setDataHeader(
      ByteBuf out,
      int index,
      boolean last,
      long cookie,
      long requestOffsetBytes,
      long dataOffsetBytes,
      int dataBytes) {
    if (!isStructured()) {
      setSimple(out, index, 0, cookie);
      return;
    }
    setChunk(
        out,
        index,
        last,
        Wire.REPLY_OFFSET_DATA,
        cookie,
        requestOffsetBytes,
        (long) Long.BYTES + dataBytes);
    out.setLong(index + headerBytes, dataOffsetBytes);
  }

  /** Puts a chunk that stands for a hole; not for simple replies. */
  public void setHole(
      ByteBuf out,
      int index,
      boolean last,
      long cookie,
      long requestOffsetBytes,
      long holeOffsetBytes,
      int holeBytes) {
    setChunk(
        out, index, last, Wire.REPLY_OFFSET_HOLE, cookie, requestOffsetBytes, (long) HOLE_BYTES);
    out.setLong(index + headerBytes, holeOffsetBytes);
    out.setInt(index + headerBytes + Long.BYTES, holeBytes);
  }

  /** Puts the header of a chunk; not for simple replies. */
  public void setChunk(
      ByteBuf out,
      int index,
      boolean last,
      int type,
      long cookie,
      long requestOffsetBytes,
      long payloadBytes) {
    out.setShort(index + 4, last ? Wire.REPLY_FLAG_DONE : 0);
    out.setShort(index + 6, type);
    out.setLong(index + 8, cookie);
    if (this == EXTENDED) {
      out.setInt(index, Wire.EXTENDED_REPLY_MAGIC);
      out.setLong(index + 16, requestOffsetBytes);
      out.setLong(index + 24, payloadBytes);
    } else {
      out.setInt(index, Wire.STRUCTURED_REPLY_MAGIC);
      out.setInt(index + 16, (int) payloadBytes);
    }
  }

  private static void setSimple(ByteBuf out, int index, int errno, long cookie) {
    out.setInt(index, Wire.SIMPLE_REPLY_MAGIC);
    out.setInt(index + 4, errno);
    out.setLong(index + 8, cookie);
  }

  /**
   * Writes that a request is done which has nothing to tell. The protocol lets a simple reply stand
   * for that among structured ones, but not after a read.
   */
  public void writeDone(ByteBuf out, boolean read, long cookie, long requestOffsetBytes) {
    int index = out.writerIndex();
    if (this == EXTENDED || (this == STRUCTURED && read)) {
      out.writeZero(headerBytes);
      setChunk(out, index, true, Wire.REPLY_NONE, cookie, requestOffsetBytes, 0);
    } else {
      out.writeZero(Wire.SIMPLE_REPLY_BYTES);
      setSimple(out, index, 0, cookie);
    }
  }

  /**
   * Writes that a request failed.
   *
   * @param sentence for a person, in UTF-8; a simple reply has no room for it
   */
  public void writeError(
      ByteBuf out, int errno, byte[] sentence, long cookie, long requestOffsetBytes) {
    int index = out.writerIndex();
    out.writeZero(headerBytes);
    if (!isStructured()) {
      setSimple(out, index, errno, cookie);
      return;
    }
    long payloadBytes = (long) Integer.BYTES + Short.BYTES + sentence.length;
    setChunk(out, index, true, Wire.REPLY_ERROR, cookie, requestOffsetBytes, payloadBytes);
    out.writeInt(errno);
    out.writeShort(sentence.length);
    out.writeBytes(sentence);
  }
}
