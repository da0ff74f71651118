package io.nbdmirror.nbd.transmission;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.jspecify.annotations.Nullable;

/**
 * The payload of one WRITE that spans receives, put together in a buffer that grows with what has
 * arrived, never with what was announced. What it takes from the connection's window grows with it.
 */
final class GatheredPayload {
  /** Where it starts out; then it doubles. */
  private static final int FIRST_BYTES = 128 << 10;

  private final InFlightWindow window;
  private final ByteBufAllocator alloc;
  private @Nullable ByteBuf bytes;
  private long windowBytes;

  GatheredPayload(InFlightWindow window, ByteBufAllocator alloc) {
    this.window = window;
    this.alloc = alloc;
  }

  /**
   * Takes what there is of a payload of {@code length} bytes, at least 1.
   *
   * @return whether there was room for it; if not, the window tells when to try again
   */
  boolean take(ByteBuf in, int length) {
    ByteBuf target = bytes;
    int arrived = target == null ? 0 : target.writerIndex();
    int more = Math.min(length - arrived, in.readableBytes());
    int capacity = target == null ? 0 : target.capacity();
    if (target == null || arrived + more > capacity) {
      int grown = Math.max(arrived + more, Math.max(FIRST_BYTES, 2 * capacity));
      grown = Math.min(length, grown);
      long extra = (long) grown - capacity + (target == null ? InFlightWindow.REQUEST_BYTES : 0);
      if (!window.tryTakeToFinish(extra)) {
        return false;
      }
      windowBytes += extra;
      target = target == null ? alloc.directBuffer(grown, length) : target.capacity(grown);
      bytes = target;
    }
    target.writeBytes(in, more);
    return true;
  }

  boolean isComplete(int length) {
    return bytes != null && bytes.writerIndex() == length;
  }

  /** What it has taken from the window; whoever takes the bytes gives that back. */
  long windowBytes() {
    return windowBytes;
  }

  /** Gives away the payload, and is empty again. */
  ByteBuf give() {
    ByteBuf complete = bytes;
    if (complete == null) {
      throw new IllegalStateException("nothing was gathered");
    }
    bytes = null;
    windowBytes = 0;
    window.finished();
    return complete;
  }

  /** Lets go of a payload that will not be completed. */
  void drop() {
    ByteBuf dropped = bytes;
    if (dropped != null) {
      bytes = null;
      dropped.release();
    }
    window.finished();
    if (windowBytes > 0) {
      long given = windowBytes;
      windowBytes = 0;
      window.give(given);
    }
  }
}
