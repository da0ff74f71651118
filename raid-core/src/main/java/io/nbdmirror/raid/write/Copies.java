package io.nbdmirror.raid.write;

import io.nbdmirror.io.AddressedBuffer;
import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Bytes of their own for writes that outlive their answer: bounded, and reused, so that a write
 * allocates nothing (I9). Used on the array's loop.
 */
final class Copies {
  /** What the copies of an array's writes take at most. */
  static final int MEMORY_BYTES = 16 << 20;

  /** Of a larger write a copy costs more than it is worth. */
  static final int LARGEST_BYTES = 1 << 20;

  private static final int SMALLEST_SHIFT = 12;

  /** As direct I/O likes it. */
  private static final int ALIGNMENT = 4096;

  /** Memory, and what a member is given of it. */
  record Copy(ByteBuffer memory, ByteBuf bytes) {
    private static Copy of(int size) {
      ByteBuffer memory =
          ByteBuffer.allocateDirect(size + ALIGNMENT).alignedSlice(ALIGNMENT).slice(0, size);
      return new Copy(memory, AddressedBuffer.over(memory));
    }
  }

  /** Those in no use: of each power of two, from the smallest to the largest. */
  private final List<ArrayDeque<Copy>> idle = new ArrayList<>();

  private int unmadeBytes = MEMORY_BYTES;

  Copies() {
    for (int size = 1 << SMALLEST_SHIFT; size <= LARGEST_BYTES; size <<= 1) {
      idle.add(new ArrayDeque<>());
    }
  }

  /** A copy; null when there is no memory for it. */
  @Nullable Copy take(ByteBuf source, int index, int lengthBytes) {
    if (lengthBytes > LARGEST_BYTES) {
      return null;
    }
    int order = orderOf(lengthBytes);
    Copy reused = idle.get(order).poll();
    Copy copy = reused == null ? make(1 << (order + SMALLEST_SHIFT)) : reused;
    if (copy != null) {
      ByteBuffer memory = copy.memory().clear().limit(lengthBytes);
      if (source.nioBufferCount() == 1) {
        memory.put(source.internalNioBuffer(index, lengthBytes));
      } else {
        source.getBytes(index, memory);
      }
    }
    return copy;
  }

  private static int orderOf(int lengthBytes) {
    int bits = Integer.SIZE - Integer.numberOfLeadingZeros(Math.max(lengthBytes, 1) - 1);
    return Math.max(0, bits - SMALLEST_SHIFT);
  }

  private @Nullable Copy make(int size) {
    // Those of other lengths make room: writes are not as they were.
    for (int order = idle.size() - 1; order >= 0 && unmadeBytes < size; order--) {
      while (unmadeBytes < size && idle.get(order).poll() != null) {
        unmadeBytes += 1 << (order + SMALLEST_SHIFT);
      }
    }
    if (unmadeBytes < size) {
      return null;
    }
    unmadeBytes -= size;
    return Copy.of(size);
  }

  /** Takes it back. */
  void giveBack(Copy copy) {
    if (copy.bytes().refCnt() > 1) {
      // A member that hung still holds it, and may write it out at any time.
      copy.bytes().release();
      unmadeBytes += copy.memory().capacity();
    } else {
      idle.get(orderOf(copy.memory().capacity())).push(copy);
    }
  }
}
