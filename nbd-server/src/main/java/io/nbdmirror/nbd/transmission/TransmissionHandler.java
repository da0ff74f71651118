package io.nbdmirror.nbd.transmission;

import io.nbdmirror.nbd.handshake.Negotiated;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Brings a channel's events to its {@link Transmission}. */
public final class TransmissionHandler extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = LoggerFactory.getLogger(TransmissionHandler.class);

  private final Negotiated negotiated;
  private final TransmissionHost host;
  private final TransferCounters counters;
  private @Nullable Transmission transmission;

  /** For a channel on the loop of the export that was agreed on. */
  public TransmissionHandler(
      Negotiated negotiated, TransmissionHost host, TransferCounters counters) {
    this.negotiated = negotiated;
    this.host = host;
    this.counters = counters;
  }

  /**
   * The server is going away: finishes what is in flight and then closes the connection. On the
   * loop.
   */
  public void shutdownBegun() {
    transmission().shutdownBegun(host.shutdownPatienceNanos());
  }

  /** Closes the connection once what is in flight has been answered. On the loop. */
  public void disconnect() {
    transmission().disconnect();
  }

  private Transmission transmission() {
    if (transmission == null) {
      throw new IllegalStateException("not in a pipeline yet");
    }
    return transmission;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    transmission = new Transmission(ctx, negotiated, host, counters);
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    transmission().received((ByteBuf) message);
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    transmission().receiveComplete();
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    transmission().writabilityChanged();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    transmission().channelClosed();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (cause instanceof IOException) {
      host.ending("the connection broke: " + cause.getMessage());
    } else {
      host.ending("an internal error");
      LOG.error("closed {} after an internal error", host.peer(), cause);
    }
    ctx.close();
  }
}
