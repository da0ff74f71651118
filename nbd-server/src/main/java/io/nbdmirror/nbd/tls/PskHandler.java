package io.nbdmirror.nbd.tls;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.TlsFatalAlertReceived;
import org.bouncycastle.tls.TlsServerProtocol;

/**
 * The server side of TLS with a shared key on one channel. Keeps no more of what it is sent than
 * one record, and of what it sends nothing.
 */
final class PskHandler extends ChannelDuplexHandler {
  /** The largest piece that fits in one record. */
  private static final int PIECE_BYTES = 16 << 10;

  private final PskServer server;
  private final TlsServerProtocol protocol = new TlsServerProtocol();

  /** Carries bytes from and to the library, which takes only arrays. */
  private final byte[] piece = new byte[PIECE_BYTES];

  private boolean outcomeTold;
  private boolean closing;

  PskHandler(PskServer server) {
    this.server = server;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) throws IOException {
    protocol.accept(server);
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    ByteBuf in = (ByteBuf) message;
    try {
      while (in.isReadable() && !protocol.isClosed()) {
        int length = Math.min(PIECE_BYTES, in.readableBytes());
        in.readBytes(piece, 0, length);
        protocol.offerInput(piece, 0, length);
        // Before what the client sent behind its last handshake message.
        tellSecured(ctx);
        deliver(ctx);
      }
    } catch (IOException | RuntimeException e) {
      failed(ctx, e);
    } finally {
      in.release();
      send(ctx);
      ctx.flush();
    }
    if (protocol.isClosed() && !closing) {
      ctx.close();
    }
  }

  private void tellSecured(ChannelHandlerContext ctx) {
    if (!outcomeTold && protocol.isConnected()) {
      outcomeTold = true;
      send(ctx);
      ctx.flush();
      ctx.fireUserEventTriggered(new TlsOutcome.Secured(server.session()));
    }
  }

  private void deliver(ChannelHandlerContext ctx) {
    int available = protocol.getAvailableInputBytes();
    if (available > 0) {
      ByteBuf plain = ctx.alloc().directBuffer(available);
      protocol.readInput(plain.nioBuffer(0, available), available);
      plain.writerIndex(available);
      ctx.fireChannelRead(plain);
    }
  }

  /** Gives the channel what the library has for it; the caller flushes. */
  private void send(ChannelHandlerContext ctx) {
    ByteBuf records = takeOutput(ctx);
    if (records.isReadable()) {
      ctx.write(records, ctx.voidPromise());
    }
  }

  private ByteBuf takeOutput(ChannelHandlerContext ctx) {
    int available = protocol.getAvailableOutputBytes();
    if (available == 0) {
      return Unpooled.EMPTY_BUFFER;
    }
    ByteBuf records = ctx.alloc().directBuffer(available);
    protocol.readOutput(records.nioBuffer(0, available), available);
    return records.writerIndex(available);
  }

  /** The client hears the reason first: whoever is told of the failure closes the connection. */
  private void failed(ChannelHandlerContext ctx, Exception e) {
    send(ctx);
    ctx.flush();
    if (!outcomeTold) {
      outcomeTold = true;
      ctx.fireUserEventTriggered(new TlsOutcome.Failed("the TLS handshake failed: " + why(e)));
    } else {
      ctx.fireExceptionCaught(e);
    }
  }

  /** The library puts its sentence behind the alert's name. */
  private static String why(Exception e) {
    return switch (e) {
      case TlsFatalAlertReceived alert ->
          "the client says " + AlertDescription.getText(alert.getAlertDescription());
      default -> String.valueOf(e.getMessage());
    };
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    if (!outcomeTold) {
      outcomeTold = true;
      ctx.fireUserEventTriggered(
          new TlsOutcome.Failed(
              "the client closed the connection in the middle of the TLS handshake"));
    }
    ctx.fireChannelInactive();
  }

  @Override
  public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
    if (!(message instanceof ByteBuf plain)) {
      ReferenceCountUtil.release(message);
      throw new IllegalArgumentException("only bytes can be encrypted");
    }
    try {
      while (plain.isReadable()) {
        int length = Math.min(PIECE_BYTES, plain.readableBytes());
        plain.readBytes(piece, 0, length);
        protocol.writeApplicationData(piece, 0, length);
        if (plain.isReadable()) {
          send(ctx);
        }
      }
      ctx.write(takeOutput(ctx), promise);
    } catch (IOException | RuntimeException e) {
      promise.tryFailure(e);
    } finally {
      plain.release();
    }
  }

  /** Says goodbye first. */
  @Override
  public void close(ChannelHandlerContext ctx, ChannelPromise promise) throws IOException {
    closing = true;
    if (ctx.channel().isActive() && !protocol.isClosed()) {
      protocol.close();
      send(ctx);
      ctx.flush();
    }
    ctx.close(promise);
  }
}
