package io.nbdmirror.io;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.buffer.UnpooledDirectByteBuf;
import java.nio.ByteBuffer;

/**
 * A buffer over direct memory that knows where the memory is. Others find out each time they are
 * asked, and without {@code sun.misc.Unsafe} that allocates (I9). It never grows or moves.
 */
public final class AddressedBuffer extends UnpooledDirectByteBuf {
  private final long address;

  private AddressedBuffer(ByteBuffer memory) {
    super(UnpooledByteBufAllocator.DEFAULT, memory, memory.remaining());
    address = super.memoryAddress();
  }

  /** Over all that remains of {@code memory}, which must be direct; filled. */
  public static ByteBuf over(ByteBuffer memory) {
    return new AddressedBuffer(memory);
  }

  @Override
  public long memoryAddress() {
    return address;
  }
}
