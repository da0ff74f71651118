package io.nbdmirror.nbd.listen;

import io.nbdmirror.io.loop.EventLoopScheduler;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.handshake.Admission;
import io.nbdmirror.nbd.handshake.HandshakeHost;
import io.nbdmirror.nbd.handshake.Negotiated;
import io.nbdmirror.nbd.tls.SecureSession;
import io.nbdmirror.nbd.transmission.InFlightBudget;
import io.nbdmirror.nbd.transmission.RequestMeter;
import io.nbdmirror.nbd.transmission.TransferCounters;
import io.nbdmirror.nbd.transmission.TransmissionHandler;
import io.nbdmirror.nbd.transmission.TransmissionHost;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.EventLoop;
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
  private final ClientAdmission admission;
  private final ConnectionStory story;
  private final TransferCounters counters = new TransferCounters();

  /** Written on the channel's loop, read by whoever asks for the status. */
  private volatile @Nullable TransmissionHandler transmission;

  Connection(NbdServer server, Channel channel, ClientAdmission admission, ConnectionStory story) {
    this.server = server;
    this.channel = channel;
    this.admission = admission;
    this.story = story;
  }

  Channel channel() {
    return channel;
  }

  long connectedNanos() {
    return story.connectedNanos();
  }

  @Override
  public String peer() {
    return story.peer();
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
  public Admission admission() {
    return admission;
  }

  @Override
  public void startTls() {
    server.secure(channel.pipeline());
  }

  @Override
  public void secured(SecureSession session) {
    admission.secured(session);
  }

  @Override
  public void optionRefused(String option, String why) {
    story.refused(option, why);
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
    } else if (channel.isOpen()) {
      log.error("closed {}: it could not be moved to its array's loop", peer(), moved.cause());
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
    story.attached(agreed, admission.session());
    transmission = handler;
    // Before the handler, which may turn it off again for what the client has sent already.
    channel.config().setAutoRead(true);
    channel.pipeline().replace(NbdServer.HANDSHAKE, NbdServer.TRANSMISSION, handler);
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
  public long shutdownPatienceNanos() {
    return server.shutdownPatienceNanos();
  }

  @Override
  public RequestMeter meter(Export export) {
    return server.meter(export);
  }

  @Override
  public void ending(String why) {
    story.ending(why);
  }

  @Override
  public void ended() {
    story.ended(counters);
    admission.leave();
    server.ended(this);
  }

  /** Any thread. */
  void shutDown() {
    TransmissionHandler handler = transmission;
    if (handler != null) {
      channel.eventLoop().execute(handler::shutdownBegun);
    } else {
      // A client that is still in its handshake has nothing to lose.
      story.ending("the server is stopping");
      channel.close();
    }
  }

  /** Closes it, for it is only in its handshake and another client needs its place. Any thread. */
  void giveWay() {
    story.ending("all connections were taken, and none had been in its handshake so long");
    channel.close();
  }

  /** Whether it never got as far as requests: then its end is that of its channel. */
  boolean isHandshaking() {
    return transmission == null;
  }

  ClientStatus status() {
    return story.status(admission.session(), counters);
  }
}
