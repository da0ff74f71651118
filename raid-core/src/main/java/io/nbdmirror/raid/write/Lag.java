package io.nbdmirror.raid.write;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/**
 * What one request needs to go on behind: a place among those that may, and bytes of its own, for
 * the client takes its buffer back when it is answered. A link of {@link WritesBehind}'s list,
 * oldest first. Reused with its request; used on the array's loop.
 */
final class Lag {
  final WriteRequest request;
  @Nullable Lag older;
  @Nullable Lag newer;

  /** Which of all that were answered early it is, from 1 on; 0 while it is not. */
  long number;

  /** Whether write-mostly members need not be waited for. */
  private boolean allowed;

  /** Null when the request brings no data. */
  private Copies.@Nullable Copy copy;

  Lag(WriteRequest request) {
    this.request = request;
  }

  boolean isAllowed() {
    return allowed;
  }

  /** Whether the client was answered before all members had it. */
  boolean isBehind() {
    return number != 0;
  }

  /** What goes to those that may lag; empty unless the request brings data. */
  ByteBuf bytes() {
    return copy == null ? Unpooled.EMPTY_BUFFER : copy.bytes();
  }

  Copies.@Nullable Copy copy() {
    return copy;
  }

  void allow(Copies.@Nullable Copy own) {
    allowed = true;
    copy = own;
  }

  /** The request is over. */
  void clear() {
    copy = null;
    allowed = false;
    number = 0;
  }
}
