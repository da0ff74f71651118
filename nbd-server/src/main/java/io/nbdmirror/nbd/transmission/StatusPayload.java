package io.nbdmirror.nbd.transmission;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * The payload of a BLOCK_STATUS: the length of the range and the numbers of the contexts that are
 * to tell of it, each one that was chosen in the handshake, and once.
 */
final class StatusPayload {
  private final int contexts;
  private final ByteBuf bytes;

  /**
   * @param contexts how many were chosen; their numbers are 1 and up
   */
  StatusPayload(int contexts) {
    this.contexts = contexts;
    int most = Long.BYTES + contexts * Integer.BYTES;
    bytes = Unpooled.buffer(most, most);
  }

  /** Whether it can be well formed with so many bytes. */
  boolean takes(long lengthBytes) {
    return lengthBytes >= Long.BYTES + Integer.BYTES
        && lengthBytes <= bytes.maxCapacity()
        && lengthBytes % Integer.BYTES == 0;
  }

  /** Takes what there is of a payload that it {@link #takes}; whether that is all of it. */
  boolean take(ByteBuf in, int lengthBytes) {
    in.readBytes(bytes, Math.min(lengthBytes - bytes.writerIndex(), in.readableBytes()));
    return bytes.writerIndex() == lengthBytes;
  }

  /** Puts what a complete payload says into {@code request}; false if that makes no sense. */
  boolean apply(RequestHeader request) {
    request.lengthBytes = bytes.readLong();
    int chosen = 0;
    boolean valid = true;
    while (bytes.isReadable()) {
      long id = bytes.readUnsignedInt();
      int bit = id >= 1 && id <= contexts ? 1 << (int) (id - 1) : 0;
      valid &= bit != 0 && (chosen & bit) == 0;
      chosen |= bit;
    }
    bytes.clear();
    request.contexts = chosen;
    return valid;
  }
}
