package io.nbdmirror.nbd.transmission;

import io.nbdmirror.nbd.protocol.ReplyFormat;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import org.jspecify.annotations.Nullable;

/**
 * Replies on their way to the socket. Those without data share a buffer; a flush sends all that
 * came since the last one.
 */
final class ReplyQueue {
  private static final int SHARED_BUFFER_BYTES = 4096;

  private final ChannelHandlerContext ctx;
  private final ReplyFormat format;
  private final InFlightWindow window;

  /** Replies without data that are not yet with the channel. */
  private @Nullable ByteBuf shared;

  /** What the replies with data since the last flush give back once they are with the socket. */
  private long windowBytes;

  private boolean unflushed;

  ReplyQueue(ChannelHandlerContext ctx, ReplyFormat format, InFlightWindow window) {
    this.ctx = ctx;
    this.format = format;
    this.window = window;
  }

  /** Says that a request is done which has nothing to tell. */
  void addDone(boolean read, long cookie, long offsetBytes) {
    format.writeDone(room(format.headerBytes()), read, cookie, offsetBytes);
    unflushed = true;
  }

  void addError(RequestError error, long cookie, long offsetBytes) {
    ByteBuf out = room(format.errorBytes(error.sentence().length));
    format.writeError(out, error.errno(), error.sentence(), cookie, offsetBytes);
    unflushed = true;
  }

  /**
   * Sends a whole reply.
   *
   * @param reply owned from here on
   * @param windowBytes given back to the window once this is with the socket
   */
  void addReply(ByteBuf reply, long windowBytes) {
    this.windowBytes += windowBytes;
    unflushed = true;
    ctx.write(reply, ctx.voidPromise());
  }

  /** The shared buffer, with room for {@code bytes}. */
  private ByteBuf room(int bytes) {
    ByteBuf out = shared;
    if (out != null && out.writableBytes() >= bytes) {
      return out;
    }
    if (out != null) {
      ctx.write(out, ctx.voidPromise());
    }
    out = ctx.alloc().directBuffer(SHARED_BUFFER_BYTES, SHARED_BUFFER_BYTES);
    shared = out;
    return out;
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
