package io.nbdmirror.nbd.listen;

import io.nbdmirror.io.loop.EventLoopScheduler;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.MetaContext;
import io.nbdmirror.nbd.handshake.HandshakeHost;
import io.nbdmirror.nbd.handshake.Negotiated;
import io.nbdmirror.nbd.transmission.InFlightBudget;
import io.nbdmirror.nbd.transmission.RequestMeter;
import io.nbdmirror.nbd.transmission.TransferCounters;
import io.nbdmirror.nbd.transmission.TransmissionHandler;
import io.nbdmirror.nbd.transmission.TransmissionHost;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.EventLoop;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client from accept to close: what its handlers need from the server, and what the server
 * tells of it. When the handshake is over the channel moves to the loop of the array it is attached
 * to.
 */
final class Connection implements HandshakeHost, TransmissionHost {
  private static final Logger log = LoggerFactory.getLogger(Connection.class);

  private final NbdServer server;
  private final Channel channel;
  private final String peer;
  private final long connectedMicros;
  private final TransferCounters counters = new TransferCounters();

  /** Written on the channel's loop, read by whoever asks for the status. */
  private volatile @Nullable Negotiated negotiated;

  private volatile @Nullable TransmissionHandler transmission;

  Connection(NbdServer server, Channel channel, String peer, long connectedMicros) {
    this.server = server;
    this.channel = channel;
    this.peer = peer;
    this.connectedMicros = connectedMicros;
  }

  Channel channel() {
    return channel;
  }

  @Override
  public String peer() {
    return peer;
  }

  @Override
  public boolean isShuttingDown() {
    return server.isShuttingDown();
  }

  @Override
  public boolean reserve(int bytes) {
    return server.budget().tryReserve(bytes);
  }

  @Override
  public void giveBack(int bytes) {
    server.budget().release(bytes);
  }

  @Override
  public void attached(Channel attachedChannel, Negotiated agreed) {
    EventLoop target = loopOf(agreed.export());
    if (target.equals(channel.eventLoop())) {
      transmit(agreed);
      return;
    }
    channel
        .deregister()
        .addListener((ChannelFuture left) -> {
          if (left.isSuccess()) {
            target.register(channel).addListener((ChannelFuture moved) -> moved(moved, agreed));
          } else {
            moved(left, agreed);
          }
        });
  }

  private void moved(ChannelFuture moved, Negotiated agreed) {
    if (moved.isSuccess()) {
      transmit(agreed);
    } else {
      log.error("closed {}: it could not be moved to its array's loop", peer, moved.cause());
      channel.close();
    }
  }

  private static EventLoop loopOf(Export export) {
    if (export.loop() instanceof EventLoopScheduler loop) {
      return loop.eventLoop();
    }
    throw new IllegalStateException(
        "export '" + export.name() + "' is on a loop that sockets cannot be on");
  }

  /** On the export's loop. */
  private void transmit(Negotiated agreed) {
    if (!channel.isActive()) {
      return;
    }
    TransmissionHandler handler = new TransmissionHandler(agreed, this, counters);
    negotiated = agreed;
    transmission = handler;
    // Before the handler, which may turn it off again for what the client has sent already.
    channel.config().setAutoRead(true);
    channel.pipeline().replace(NbdServer.HANDSHAKE, NbdServer.TRANSMISSION, handler);
    log.info("{} is attached to export '{}'", peer, agreed.export().name());
    if (server.isShuttingDown()) {
      handler.shutdownBegun();
    }
  }

  @Override
  public long connectionLimitBytes() {
    return NbdServer.CONNECTION_LIMIT_BYTES;
  }

  @Override
  public InFlightBudget budget() {
    return server.budget();
  }

  @Override
  public RequestMeter meter(Export export) {
    return server.meter(export);
  }

  @Override
  public void ended() {
    log.info("{} is gone", peer);
    server.ended(this);
  }

  /** Any thread. */
  void shutDown() {
    TransmissionHandler handler = transmission;
    if (handler != null) {
      channel.eventLoop().execute(handler::shutdownBegun);
    } else {
      // A client that is still in its handshake has nothing to lose.
      channel.close();
    }
  }

  /** Whether it never got as far as requests: then its end is that of its channel. */
  boolean isHandshaking() {
    return transmission == null;
  }

  ClientStatus status() {
    Negotiated agreed = negotiated;
    return new ClientStatus(
        peer,
        agreed == null ? "" : agreed.export().name(),
        connectedMicros,
        agreed == null ? List.of() : features(agreed),
        counters.requests(),
        counters.inFlight(),
        counters.readBytes(),
        counters.writtenBytes());
  }

  private static List<String> features(Negotiated agreed) {
    List<String> features = new ArrayList<>();
    if (agreed.fixedNewstyle()) {
      features.add("fixed-newstyle");
    }
    if (agreed.noZeroes()) {
      features.add("no-zeroes");
    }
    switch (agreed.format()) {
      case SIMPLE -> {}
      case STRUCTURED -> features.add("structured-replies");
      case EXTENDED -> features.add("extended-headers");
    }
    if (agreed.export().readOnly()) {
      features.add("read-only");
    }
    for (MetaContext context : agreed.contexts()) {
      features.add(context.name());
    }
    return features;
  }
}
