package io.nbdmirror.io.engine;

import io.nbdmirror.io.AddressedBuffer;
import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.FastThreadLocal;
import java.nio.ByteBuffer;

/**
 * Memory that direct I/O accepts, one piece a thread that needs it, made on first use and kept.
 *
 * @param bytes the memory
 * @param address where it starts, a multiple of 4096
 */
record AlignedBuffer(ByteBuf bytes, long address) {
  static final int BYTES = 256 << 10;

  private static final int ALIGNMENT = 4096;
  private static final FastThreadLocal<AlignedBuffer> OWN =
      new FastThreadLocal<>() {
        @Override
        protected AlignedBuffer initialValue() {
          return allocate();
        }
      };

  /** This thread's; its contents last until the thread asks again. */
  static AlignedBuffer own() {
    return OWN.get();
  }

  static AlignedBuffer allocate() {
    ByteBuffer memory = ByteBuffer.allocateDirect(BYTES + ALIGNMENT).alignedSlice(ALIGNMENT);
    ByteBuf bytes = AddressedBuffer.over(memory.slice(0, BYTES));
    return new AlignedBuffer(bytes, bytes.memoryAddress());
  }
}
