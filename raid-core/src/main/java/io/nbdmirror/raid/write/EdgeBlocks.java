package io.nbdmirror.raid.write;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.read.ReadPath;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/**
 * The first and the last block of a request that covers them only in part: read, overlaid with what
 * the request brings, then written whole. When both are the same block it is the head. Reused with
 * its request; used on the array's loop.
 */
final class EdgeBlocks {
  private final ReadPath reads;
  private final int blockBytes;
  private final Completion done;
  private final Completion headRead = this::headRead;
  private final Completion tailRead = this::tailRead;
  private ByteBuf head = Unpooled.EMPTY_BUFFER;
  private ByteBuf tail = Unpooled.EMPTY_BUFFER;
  private boolean hasHead;
  private boolean hasTail;
  private long start;
  private long end;
  private long offset;
  private long length;
  private int pending;
  private @Nullable DeviceException failure;

  EdgeBlocks(ReadPath reads, int blockBytes, Completion done) {
    this.reads = reads;
    this.blockBytes = blockBytes;
    this.done = done;
  }

  /**
   * Sets up for a request.
   *
   * @param startBytes start of the blocks it touches, {@code endBytes} their end
   * @param offsetBytes where the request itself starts
   * @return whether any block must be read
   */
  boolean isNeeded(long startBytes, long endBytes, long offsetBytes, long lengthBytes) {
    start = startBytes;
    end = endBytes;
    offset = offsetBytes;
    length = lengthBytes;
    hasHead = offset > start || (end - start == blockBytes && length < blockBytes);
    hasTail = offset + length < end && !(hasHead && end - start == blockBytes);
    return hasHead || hasTail;
  }

  boolean hasHead() {
    return hasHead;
  }

  boolean hasTail() {
    return hasTail;
  }

  ByteBuf head() {
    return head;
  }

  ByteBuf tail() {
    return tail;
  }

  /** Reads them, or reads them once more. */
  void read() {
    head.release();
    tail.release();
    failure = null;
    pending = (hasHead ? 1 : 0) + (hasTail ? 1 : 0);
    // Both buffers first, and nothing of ours looked at again after the last read was begun: a read
    // may end, and the request with it, before it returns.
    boolean readHead = hasHead;
    boolean readTail = hasTail;
    if (hasHead) {
      head = PooledByteBufAllocator.DEFAULT.directBuffer(blockBytes, blockBytes);
    }
    if (hasTail) {
      tail = PooledByteBufAllocator.DEFAULT.directBuffer(blockBytes, blockBytes);
    }
    if (readHead) {
      reads.readOrdered(start, head, 0, blockBytes, headRead);
    }
    if (readTail) {
      reads.readOrdered(end - blockBytes, tail, 0, blockBytes, tailRead);
    }
  }

  private void headRead(@Nullable DeviceException readFailure) {
    if (isTimeOut(readFailure)) {
      head.release();
      head = PooledByteBufAllocator.DEFAULT.directBuffer(blockBytes, blockBytes);
      reads.readOrdered(start, head, 0, blockBytes, headRead);
    } else {
      oneRead(readFailure);
    }
  }

  private void tailRead(@Nullable DeviceException readFailure) {
    if (isTimeOut(readFailure)) {
      tail.release();
      tail = PooledByteBufAllocator.DEFAULT.directBuffer(blockBytes, blockBytes);
      reads.readOrdered(end - blockBytes, tail, 0, blockBytes, tailRead);
    } else {
      oneRead(readFailure);
    }
  }

  /** A member that hung may still write to the buffer: the next is asked with a fresh one. */
  private static boolean isTimeOut(@Nullable DeviceException failure) {
    return failure != null && failure.errno() == Errno.ETIMEDOUT;
  }

  private void oneRead(@Nullable DeviceException readFailure) {
    failure = readFailure == null ? failure : readFailure;
    if (--pending == 0) {
      done.completed(failure);
    }
  }

  /** Puts the request's bytes over what was read. */
  void overlay(ByteBuf source, int index) {
    if (hasHead) {
      int at = (int) (offset - start);
      head.setBytes(at, source, index, (int) Math.min(length, blockBytes - at));
    }
    if (hasTail) {
      int bytes = (int) (offset + length - (end - blockBytes));
      tail.setBytes(0, source, index + (int) length - bytes, bytes);
    }
  }

  /** Puts zeroes over what was read. */
  void overlayZeroes() {
    if (hasHead) {
      int at = (int) (offset - start);
      head.setZero(at, (int) Math.min(length, blockBytes - at));
    }
    if (hasTail) {
      tail.setZero(0, (int) (offset + length - (end - blockBytes)));
    }
  }

  void release() {
    head.release();
    tail.release();
    head = Unpooled.EMPTY_BUFFER;
    tail = Unpooled.EMPTY_BUFFER;
    hasHead = false;
    hasTail = false;
  }
}
