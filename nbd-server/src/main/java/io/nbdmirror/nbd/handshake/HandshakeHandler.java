package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The fixed newstyle handshake of one connection.
 *
 * <pre>
 *  greeting sent ──> CLIENT_FLAGS ──> OPTION_HEADER ──> OPTION_DATA ──> ATTACHED
 *                                        ^    ^ │            │      GO, EXPORT_NAME
 *                                        │    │ │ refused    │
 *                                        │    │ v            │ any other
 *                                        │  SKIPPING         │
 *                                        └───────────────────┘
 *  any phase ──> CLOSED on ABORT, on a broken rule, at the time limit
 * </pre>
 *
 * <p>Keeps at most one option and what one receive brought behind it. Does not answer a client that
 * does not read its answers.
 */
public final class HandshakeHandler extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = LoggerFactory.getLogger(HandshakeHandler.class);
  private static final int KNOWN_CLIENT_FLAGS = Wire.FLAG_FIXED_NEWSTYLE | Wire.FLAG_NO_ZEROES;

  private enum Phase {
    CLIENT_FLAGS,
    OPTION_HEADER,
    OPTION_DATA,
    SKIPPING,
    ATTACHED,
    CLOSED
  }

  private final HandshakeHost host;
  private final HandshakeLimits limits;
  private final OptionNegotiation negotiation;

  private Phase phase = Phase.CLIENT_FLAGS;

  /** What the client sent and no phase has consumed. Null when that is nothing. */
  private @Nullable ByteBuf received;

  private int option;
  private int optionBytes;
  private int bytesToSkip;
  private @Nullable OptionException refusal;
  private int failedOptions;
  private @Nullable ScheduledFuture<?> timeLimit;

  public HandshakeHandler(ExportRegistry exports, HandshakeLimits limits, HandshakeHost host) {
    this.host = host;
    this.limits = limits;
    this.negotiation = new OptionNegotiation(exports);
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    if (ctx.channel().isActive()) {
      greet(ctx);
    }
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
      if (phase == Phase.CLOSED) {
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
      moving = step(ctx, received);
    }
    if (phase != Phase.ATTACHED && phase != Phase.CLOSED) {
      ctx.channel().config().setAutoRead(true);
    }
    if (received != null && !received.isReadable()) {
      dropReceived();
    }
  }

  /** Returns whether a step was taken; false when more bytes must come first. */
  private boolean step(ChannelHandlerContext ctx, ByteBuf in) {
    return switch (phase) {
      case CLIENT_FLAGS -> clientFlags(ctx, in);
      case OPTION_HEADER -> optionHeader(ctx, in);
      case OPTION_DATA -> optionData(ctx, in);
      case SKIPPING -> skip(ctx, in);
      case ATTACHED, CLOSED -> false;
    };
  }

  private boolean clientFlags(ChannelHandlerContext ctx, ByteBuf in) {
    if (in.readableBytes() < Wire.CLIENT_FLAGS_BYTES) {
      return false;
    }
    int flags = in.readInt();
    if ((flags & ~KNOWN_CLIENT_FLAGS) != 0) {
      close(ctx, "its client flags 0x%x hold one that it was not offered".formatted(flags));
      return false;
    }
    negotiation.clientFlags(flags);
    phase = Phase.OPTION_HEADER;
    return true;
  }

  private boolean optionHeader(ChannelHandlerContext ctx, ByteBuf in) {
    if (in.readableBytes() < Wire.OPTION_HEADER_BYTES) {
      return false;
    }
    long magic = in.readLong();
    option = in.readInt();
    long length = in.readUnsignedInt();
    if (magic != Wire.OPTION_MAGIC) {
      close(ctx, "what it sent is not an option");
    } else if (!negotiation.fixedNewstyle() && option != Wire.OPT_EXPORT_NAME) {
      close(ctx, "it sent option %s without the fixed newstyle flag".formatted(optionName()));
    } else if (length > HandshakeLimits.SKIPPED_BYTES
        || (option == Wire.OPT_EXPORT_NAME && length > Wire.MAX_STRING_BYTES)) {
      close(ctx, "the %d bytes of its option %s are too long".formatted(length, optionName()));
    } else {
      return optionAccepted((int) length);
    }
    return false;
  }

  private boolean optionAccepted(int lengthBytes) {
    optionBytes = lengthBytes;
    refusal = refusalOf(lengthBytes);
    bytesToSkip = refusal == null ? 0 : lengthBytes;
    phase = refusal == null ? Phase.OPTION_DATA : Phase.SKIPPING;
    return true;
  }

  /** Why an option is refused without a look at its data, which is then skipped. */
  private @Nullable OptionException refusalOf(int lengthBytes) {
    if (host.isShuttingDown() && option != Wire.OPT_ABORT && option != Wire.OPT_EXPORT_NAME) {
      return new OptionException(Wire.REP_ERR_SHUTDOWN, "this server is shutting down");
    }
    if (lengthBytes > HandshakeLimits.OPTION_DATA_BYTES) {
      return new OptionException(
          Wire.REP_ERR_TOO_BIG,
          "the data of an option is at most %d bytes".formatted(HandshakeLimits.OPTION_DATA_BYTES));
    }
    return OptionNegotiation.isSupported(option)
        ? null
        : new OptionException(Wire.REP_ERR_UNSUP, "this server does not know that option");
  }

  private boolean skip(ChannelHandlerContext ctx, ByteBuf in) {
    int skipped = Math.min(bytesToSkip, in.readableBytes());
    in.skipBytes(skipped);
    bytesToSkip -= skipped;
    if (bytesToSkip > 0 || refusal == null) {
      return false;
    }
    phase = Phase.OPTION_HEADER;
    return refuse(ctx, refusal);
  }

  private boolean optionData(ChannelHandlerContext ctx, ByteBuf in) {
    if (in.readableBytes() < optionBytes) {
      return false;
    }
    ByteBuf out = ctx.alloc().buffer();
    int end = in.readerIndex() + optionBytes;
    OptionOutcome outcome;
    try {
      if (option == Wire.OPT_EXPORT_NAME && host.isShuttingDown()) {
        outcome = new OptionOutcome.Ended("the server is shutting down");
      } else {
        outcome = negotiation.answer(option, in, optionBytes, out);
      }
    } catch (OptionException refused) {
      outcome = new OptionOutcome.Refused(refused);
    }
    in.readerIndex(end);
    return switch (outcome) {
      case OptionOutcome.Answered() -> {
        ctx.writeAndFlush(out);
        phase = Phase.OPTION_HEADER;
        yield true;
      }
      case OptionOutcome.Refused(OptionException why) -> {
        out.release();
        phase = Phase.OPTION_HEADER;
        yield refuse(ctx, why);
      }
      case OptionOutcome.Attached(Export export, int flags) -> {
        attach(ctx, out, negotiation.negotiated(export, flags));
        yield false;
      }
      case OptionOutcome.Aborted() -> {
        finish();
        ctx.writeAndFlush(out).addListener(ChannelFutureListener.CLOSE);
        yield false;
      }
      case OptionOutcome.Ended(String why) -> {
        out.release();
        close(ctx, why);
        yield false;
      }
    };
  }

  private boolean refuse(ChannelHandlerContext ctx, OptionException why) {
    failedOptions++;
    if (failedOptions > limits.failedOptions()) {
      close(ctx, "more than %d of its options failed".formatted(limits.failedOptions()));
      return false;
    }
    ByteBuf out = ctx.alloc().buffer();
    OptionReplies.error(out, option, why);
    ctx.writeAndFlush(out);
    return true;
  }

  /** Hands over once the answer has left, for nothing may be queued when a channel moves loops. */
  private void attach(ChannelHandlerContext ctx, ByteBuf out, Negotiated negotiated) {
    phase = Phase.ATTACHED;
    ctx.channel().config().setAutoRead(false);
    ctx.writeAndFlush(out)
        .addListener((ChannelFuture written) -> {
          if (written.isSuccess() && phase == Phase.ATTACHED) {
            cancelTimeLimit();
            host.attached(ctx.channel(), negotiated);
          }
        });
  }

  private void close(ChannelHandlerContext ctx, String why) {
    if (phase != Phase.CLOSED) {
      LOG.info("closed {} during the handshake: {}", host.peer(), why);
      finish();
      ctx.close();
    }
  }

  private void finish() {
    phase = Phase.CLOSED;
    cancelTimeLimit();
  }

  private void cancelTimeLimit() {
    if (timeLimit != null) {
      timeLimit.cancel(false);
    }
  }

  private String optionName() {
    return Integer.toUnsignedString(option);
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
    if (left != null && left.isReadable() && phase == Phase.ATTACHED) {
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
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    close(ctx, String.valueOf(cause));
  }
}
