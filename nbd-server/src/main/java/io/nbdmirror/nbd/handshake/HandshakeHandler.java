package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.protocol.Wire;
import io.nbdmirror.nbd.tls.SecureSession;
import io.nbdmirror.nbd.tls.TlsOutcome;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a channel's events to its {@link Handshake}: greets, keeps what has arrived of an option,
 * watches the time limit, and hands over once the client is attached to an export.
 *
 * <p>Keeps at most one option and what one receive brought behind it. Does not answer a client that
 * does not read its answers.
 */
public final class HandshakeHandler extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = LoggerFactory.getLogger(HandshakeHandler.class);

  private final ExportRegistry exports;
  private final HandshakeLimits limits;
  private final HandshakeHost host;
  private @Nullable Handshake handshake;

  /** What the client sent and no phase has consumed. Null when that is nothing. */
  private @Nullable ByteBuf received;

  private @Nullable ScheduledFuture<?> timeLimit;

  public HandshakeHandler(ExportRegistry exports, HandshakeLimits limits, HandshakeHost host) {
    this.exports = exports;
    this.host = host;
    this.limits = limits;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    handshake = new Handshake(exports, limits, new ChannelOwner(ctx));
    if (ctx.channel().isActive()) {
      greet(ctx);
    }
  }

  private Handshake handshake() {
    if (handshake == null) {
      throw new IllegalStateException("not in a pipeline yet");
    }
    return handshake;
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    greet(ctx);
    ctx.fireChannelActive();
  }

  private void greet(ChannelHandlerContext ctx) {
    if (timeLimit != null) {
      return;
    }
    timeLimit =
        ctx.executor()
            .schedule(
                () -> close(ctx, "the handshake took too long"),
                limits.timeoutNanos(),
                TimeUnit.NANOSECONDS);
    ByteBuf out = ctx.alloc().buffer(Wire.GREETING_BYTES);
    OptionReplies.greeting(out);
    ctx.writeAndFlush(out);
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    ByteBuf in = (ByteBuf) message;
    try {
      if (handshake().isClosed()) {
        return;
      }
      // Copied, so that an idle handshake holds what it was sent and not a whole receive buffer.
      if (received == null) {
        received = ctx.alloc().buffer(in.readableBytes());
      } else {
        received.discardReadBytes();
      }
      received.writeBytes(in);
    } finally {
      in.release();
    }
    proceed(ctx);
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    proceed(ctx);
    ctx.fireChannelWritabilityChanged();
  }

  /** Takes as many steps as the received bytes and the client's reading of answers allow. */
  private void proceed(ChannelHandlerContext ctx) {
    boolean moving = true;
    while (moving && received != null) {
      if (!ctx.channel().isWritable()) {
        ctx.channel().config().setAutoRead(false);
        return;
      }
      moving = handshake().step(received);
    }
    if (handshake().isUnderWay()) {
      ctx.channel().config().setAutoRead(true);
    }
    if (received != null && !received.isReadable()) {
      dropReceived();
    }
  }

  /** What the handshake does to this channel. */
  private final class ChannelOwner implements Handshake.Owner {
    private final ChannelHandlerContext ctx;

    ChannelOwner(ChannelHandlerContext ctx) {
      this.ctx = ctx;
    }

    @Override
    public boolean isShuttingDown() {
      return host.isShuttingDown();
    }

    @Override
    public boolean reserve(int bytes) {
      return host.reserve(bytes);
    }

    @Override
    public void giveBack(int bytes) {
      host.giveBack(bytes);
    }

    @Override
    public Admission admission() {
      return host.admission();
    }

    @Override
    public void optionRefused(String option, String why) {
      host.optionRefused(option, why);
    }

    @Override
    public ByteBuf newBuffer() {
      return ctx.alloc().buffer();
    }

    @Override
    public void send(ByteBuf answer) {
      ctx.writeAndFlush(answer);
    }

    /**
     * The answer is with the channel before TLS is in front of it, and so goes out in the clear.
     */
    @Override
    public void sendAndSecure(ByteBuf answer) {
      ctx.writeAndFlush(answer);
      host.startTls();
    }

    /** Hands over once the answer has left: nothing may be queued when a channel moves loops. */
    @Override
    public void sendAndAttach(ByteBuf answer, Negotiated negotiated) {
      ctx.channel().config().setAutoRead(false);
      ctx.writeAndFlush(answer)
          .addListener((ChannelFuture written) -> {
            if (written.isSuccess() && handshake().isAttached()) {
              cancelTimeLimit();
              host.attached(ctx.channel(), negotiated);
            }
          });
    }

    @Override
    public void sendAndClose(ByteBuf answer) {
      cancelTimeLimit();
      host.ending("it gave up");
      ctx.writeAndFlush(answer).addListener(ChannelFutureListener.CLOSE);
    }

    @Override
    public void close(String why) {
      HandshakeHandler.this.close(ctx, why);
    }
  }

  private void close(ChannelHandlerContext ctx, String why) {
    if (!handshake().isClosed()) {
      host.ending(why);
      finish();
      ctx.close();
    }
  }

  private void finish() {
    handshake().end();
    cancelTimeLimit();
  }

  private void cancelTimeLimit() {
    if (timeLimit != null) {
      timeLimit.cancel(false);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    finish();
    ctx.fireChannelInactive();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    cancelTimeLimit();
    ByteBuf left = received;
    if (left != null && left.isReadable() && handshake().isAttached()) {
      received = null;
      ctx.fireChannelRead(left);
      ctx.fireChannelReadComplete();
    } else {
      dropReceived();
    }
  }

  private void dropReceived() {
    if (received != null) {
      received.release();
      received = null;
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    switch (event) {
      case TlsOutcome.Secured(SecureSession session) -> {
        host.secured(session);
        handshake().secured();
      }
      case TlsOutcome.Failed(String why) -> close(ctx, why);
      default -> ctx.fireUserEventTriggered(event);
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (!(cause instanceof IOException)) {
      LOG.error("closed {} after an internal error", host.peer(), cause);
    }
    close(ctx, "the connection broke: " + cause.getMessage());
  }
}
