package io.nbdmirror.nbd.transmission;

import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import org.jspecify.annotations.Nullable;

/**
 * Simple replies on their way to the socket. Replies without data share a buffer; a flush sends all
 * that came since the last one.
 */
final class ReplyQueue {
  private static final int SHARED_BUFFER_BYTES = 256 * Wire.SIMPLE_REPLY_BYTES;

  private final ChannelHandlerContext ctx;
  private final InFlightWindow window;

  /** Replies without data that are not yet with the channel. */
  private @Nullable ByteBuf shared;

  /** What the read replies since the last flush give back once they are with the socket. */
  private long windowBytes;

  private boolean unflushed;

  ReplyQueue(ChannelHandlerContext ctx, InFlightWindow window) {
    this.ctx = ctx;
    this.window = window;
  }

  void add(int errno, long cookie) {
    ByteBuf out = shared;
    if (out == null) {
      out = ctx.alloc().directBuffer(SHARED_BUFFER_BYTES, SHARED_BUFFER_BYTES);
      shared = out;
    }
    out.writeInt(Wire.SIMPLE_REPLY_MAGIC);
    out.writeInt(errno);
    out.writeLong(cookie);
    unflushed = true;
    if (!out.isWritable(Wire.SIMPLE_REPLY_BYTES)) {
      shared = null;
      ctx.write(out, ctx.voidPromise());
    }
  }

  /**
   * Sends data that was read.
   *
   * @param reply the data, behind room for the header; owned from here on
   * @param windowBytes given back to the window once this is with the socket
   */
  void addRead(ByteBuf reply, long cookie, int lengthBytes, long windowBytes) {
    reply.setInt(0, Wire.SIMPLE_REPLY_MAGIC);
    reply.setInt(4, 0);
    reply.setLong(8, cookie);
    reply.setIndex(0, Wire.SIMPLE_REPLY_BYTES + lengthBytes);
    this.windowBytes += windowBytes;
    unflushed = true;
    ctx.write(reply, ctx.voidPromise());
  }

  void flush() {
    if (!unflushed) {
      return;
    }
    unflushed = false;
    ByteBuf last = shared;
    shared = null;
    if (windowBytes > 0) {
      long written = windowBytes;
      windowBytes = 0;
      ChannelPromise promise = ctx.newPromise();
      promise.addListener(ignored -> window.give(written));
      ctx.write(last == null ? Unpooled.EMPTY_BUFFER : last, promise);
    } else if (last != null) {
      ctx.write(last, ctx.voidPromise());
    }
    ctx.flush();
  }

  /** Sends all there is and closes the connection behind it. */
  void flushAndClose() {
    flush();
    ctx.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
  }

  /** The channel is gone: lets go of what it has not been given. */
  void discard() {
    if (shared != null) {
      shared.release();
      shared = null;
    }
    if (windowBytes > 0) {
      window.give(windowBytes);
      windowBytes = 0;
    }
    unflushed = false;
  }
}
