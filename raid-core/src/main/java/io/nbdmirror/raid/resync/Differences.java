package io.nbdmirror.raid.resync;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.util.BitSet;

/** Where two buffers differ, to blocks of 512 bytes. */
final class Differences {
  static final int BLOCK_BYTES = 512;

  private Differences() {}

  /**
   * Compares the first {@code length} bytes, a multiple of {@link #BLOCK_BYTES}, a vector at a
   * time.
   *
   * @param blocks gets a bit for each block that is not the same
   */
  static void find(ByteBuf one, ByteBuf other, int length, BitSet blocks) {
    ByteBuffer a = one.nioBuffer(0, length);
    ByteBuffer b = other.nioBuffer(0, length);
    for (int at = a.mismatch(b); at >= 0; at = a.mismatch(b)) {
      int block = (a.position() + at) / BLOCK_BYTES;
      blocks.set(block);
      int next = Math.min((block + 1) * BLOCK_BYTES, length);
      a.position(next);
      b.position(next);
    }
  }
}
