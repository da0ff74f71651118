package io.nbdmirror.nbd.export;

import io.netty.buffer.ByteBuf;

/**
 * Takes down what a metadata context says of a range, as the extents of a BLOCK_STATUS chunk:
 * neighbours with the same flags become one. Used on the export's loop.
 *
 * <p>An answer may end before the range does: the client asks again for the rest. So whoever
 * describes a range stops when this {@link #isFull}, and may stop earlier where going on would take
 * long, if only it has described something.
 */
public final class StatusExtents {
  private final ByteBuf out;
  private final boolean wide;
  private final long endBytes;
  private final int maxExtents;
  private long positionBytes;
  private long lastBytes;
  private int lastFlags;
  private int written;
  private boolean full;

  /**
   * Writes to {@code out} from its writer index on.
   *
   * @param wide lengths and flags have 64 bits each, else 32
   * @param maxExtents at least 1; what comes then is not wanted
   */
  public StatusExtents(
      ByteBuf out, boolean wide, long offsetBytes, long lengthBytes, int maxExtents) {
    this.out = out;
    this.wide = wide;
    this.maxExtents = maxExtents;
    positionBytes = offsetBytes;
    endBytes = offsetBytes + lengthBytes;
  }

  /** The first byte that is not described yet. */
  public long positionBytes() {
    return positionBytes;
  }

  /** How many bytes from there on may be described. */
  public long remainingBytes() {
    return endBytes - positionBytes;
  }

  /** Whether nothing more is wanted. */
  public boolean isFull() {
    return full || positionBytes >= endBytes;
  }

  /** How many extents there are, once {@link #finish}ed. */
  public int count() {
    return written;
  }

  /** Describes the next {@code lengthBytes}, at least 1; what lies behind the range is cut off. */
  public void add(long lengthBytes, int flags) {
    long bytes = Math.min(lengthBytes, remainingBytes());
    if (full || bytes <= 0) {
      return;
    }
    if (lastBytes > 0 && flags != lastFlags) {
      if (written + 1 == maxExtents) {
        full = true;
        return;
      }
      writeLast();
    }
    lastFlags = flags;
    lastBytes += bytes;
    positionBytes += bytes;
  }

  /** Writes what is left to be written. */
  public void finish() {
    if (lastBytes > 0) {
      writeLast();
    }
  }

  private void writeLast() {
    if (wide) {
      out.writeLong(lastBytes).writeLong(Integer.toUnsignedLong(lastFlags));
    } else {
      out.writeInt((int) lastBytes).writeInt(lastFlags);
    }
    written++;
    lastBytes = 0;
  }
}
