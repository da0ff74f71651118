package io.nbdmirror.nbd.listen;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.handshake.HandshakeHandler;
import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.nbdmirror.nbd.tls.TlsCredentials;
import io.nbdmirror.nbd.tls.TlsMode;
import io.nbdmirror.nbd.transmission.InFlightBudget;
import io.nbdmirror.nbd.transmission.RequestMeter;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Accepts NBD clients on any number of addresses. Its methods may be called on any thread, those
 * that wait not on a loop.
 */
public final class NbdServer implements AutoCloseable {
  /** Bytes that one connection may have in flight. */
  static final long CONNECTION_LIMIT_BYTES = 64L << 20;

  static final String HANDSHAKE = "handshake";
  static final String TRANSMISSION = "transmission";

  /** What one receive takes from the socket at most; measured best. */
  private static final int RECEIVE_BYTES = 128 << 10;

  /** Reading requests stops at the upper and goes on at the lower of these bytes unsent. */
  private static final WriteBufferWaterMark UNSENT = new WriteBufferWaterMark(1 << 20, 4 << 20);

  private static final int BACKLOG = 128;
  private static final long CLOSE_SECONDS = 5;

  private final ExportRegistry exports;
  private final EventLoopGroup group;
  private final Function<Export, ? extends @Nullable RequestMeter> meters;
  private final HandshakeLimits limits;
  private final AccessRules rules;
  private final @Nullable TlsCredentials tls;
  private final SocketKinds sockets;
  private final InFlightBudget budget = new InFlightBudget(InFlightBudget.DEFAULT_BYTES);
  private final ChannelGroup listeners = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final Connections connections;
  private final Places places = new Places();
  private final AtomicLong unixClients = new AtomicLong();
  private volatile boolean shuttingDown;
  private volatile boolean accepting = true;
  private volatile long shutdownPatienceNanos = TimeUnit.SECONDS.toNanos(10);

  /**
   * A server that listens nowhere yet.
   *
   * @param group the loops of the exports' arrays
   * @param meters who is told about an export's requests; null for nobody
   * @param rules who may connect and how many
   * @param tls for clients that ask for it; null where the rules have it off
   */
  public NbdServer(
      ExportRegistry exports,
      EventLoopGroup group,
      Function<Export, ? extends @Nullable RequestMeter> meters,
      HandshakeLimits limits,
      AccessRules rules,
      @Nullable TlsCredentials tls) {
    if ((tls == null) != (rules.tls() == TlsMode.OFF)) {
      throw new IllegalArgumentException("TLS needs credentials, and they need TLS");
    }
    this.exports = exports;
    this.group = group;
    this.meters = meters;
    this.limits = limits;
    this.rules = rules;
    this.tls = tls;
    connections = new Connections(rules.maxConnections());
    sockets = SocketKinds.of(group);
  }

  /**
   * Listens on one more address.
   *
   * @return the address with the port it really has
   * @throws IOException one sentence why it cannot
   */
  public ListenAddress listen(ListenAddress address) throws IOException {
    if (address.socket() instanceof UnixDomainSocketAddress unix) {
      return listenOn(address, unix);
    }
    ServerBootstrap bootstrap =
        tcpBootstrap()
            .channelFactory(sockets::newTcpListener)
            .option(ChannelOption.SO_REUSEADDR, true);
    Channel channel = done(bootstrap.bind(address.socket()), address.toString());
    return new ListenAddress(channel.localAddress());
  }

  private ListenAddress listenOn(ListenAddress address, UnixDomainSocketAddress unix)
      throws IOException {
    UnixSocketFile file = UnixSocketFile.claim(unix.getPath(), address.access());
    Channel channel =
        file.whileClosedToOthers(() ->
            done(
                bootstrap().channelFactory(sockets::newUnixListener).bind(sockets.unix(unix)),
                address.toString()));
    channel.closeFuture().addListener(closed -> file.remove());
    file.open();
    return address;
  }

  /**
   * Accepts clients on a socket that was handed over.
   *
   * @return the address it is bound to
   * @throws IOException one sentence why it cannot
   */
  public ListenAddress adopt(ActivatedSocket socket) throws IOException {
    if (socket.unix()) {
      ServerBootstrap bootstrap =
          bootstrap().channelFactory(() -> sockets.adoptUnixListener(socket.fd()));
      done(bootstrap.register(), "the unix socket that was handed over");
      return new ListenAddress(UnixDomainSocketAddress.of(socket.path()));
    }
    ServerBootstrap bootstrap =
        tcpBootstrap().channelFactory(() -> sockets.adoptTcpListener(socket.fd()));
    Channel channel = done(bootstrap.register(), "the socket that was handed over");
    return new ListenAddress(channel.localAddress());
  }

  /**
   * From now on clients may connect, but wait for {@link #takeClients}: who comes while the exports
   * are being prepared is not to be told that there are none.
   */
  public void keepClientsWaiting() {
    accepting = false;
  }

  /** Takes those who wait, and all who come. */
  public void takeClients() {
    accepting = true;
    listeners.forEach(listener -> listener.config().setAutoRead(true));
  }

  private ServerBootstrap tcpBootstrap() {
    return bootstrap()
        .childOption(ChannelOption.TCP_NODELAY, true)
        .childOption(ChannelOption.SO_KEEPALIVE, true);
  }

  private ServerBootstrap bootstrap() {
    return new ServerBootstrap()
        .group(group)
        .option(ChannelOption.SO_BACKLOG, BACKLOG)
        .option(ChannelOption.AUTO_READ, accepting)
        .childOption(
            ChannelOption.RECVBUF_ALLOCATOR,
            // One receive, one batch of requests, one flush of their replies.
            new FixedRecvByteBufAllocator(RECEIVE_BYTES).maxMessagesPerRead(1))
        .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, UNSENT)
        .childHandler(
            new ChannelInitializer<Channel>() {
              @Override
              protected void initChannel(Channel channel) {
                accepted(channel);
              }
            });
  }

  private Channel done(ChannelFuture started, String where) throws IOException {
    ChannelFuture bound = started.awaitUninterruptibly();
    if (!bound.isSuccess()) {
      Throwable cause = bound.cause();
      throw new IOException(
          "cannot listen on %s: %s"
              .formatted(where, cause == null ? "unknown" : cause.getMessage()),
          cause);
    }
    listeners.add(bound.channel());
    return bound.channel();
  }

  private void accepted(Channel channel) {
    ConnectionStory story = new ConnectionStory(peerOf(channel));
    Connection connection =
        new Connection(this, channel, new ClientAdmission(rules, places), story);
    if (shuttingDown || !connections.add(connection)) {
      channel.close();
      return;
    }
    channel
        .closeFuture()
        .addListener(closed -> {
          // Otherwise it ends once the device is done with its requests.
          if (connection.isHandshaking()) {
            connection.ended();
          }
        });
    channel.pipeline().addLast(HANDSHAKE, new HandshakeHandler(exports, limits, connection));
    if (shuttingDown) {
      channel.close();
    }
  }

  private String peerOf(Channel channel) {
    return channel.remoteAddress() instanceof InetSocketAddress tcp
        ? new ListenAddress(tcp).toString()
        : "unix client " + unixClients.incrementAndGet();
  }

  long shutdownPatienceNanos() {
    return shutdownPatienceNanos;
  }

  /** For tests that have none. */
  void setShutdownPatience(long nanos) {
    shutdownPatienceNanos = nanos;
  }

  boolean isShuttingDown() {
    return shuttingDown;
  }

  /** Puts TLS in front of a client that asked for it and is allowed to. */
  void secure(ChannelPipeline pipeline) {
    if (tls == null) {
      throw new IllegalStateException("there is no TLS here");
    }
    tls.secure(pipeline);
  }

  InFlightBudget budget() {
    return budget;
  }

  RequestMeter meter(Export export) {
    RequestMeter meter = meters.apply(export);
    return meter == null ? RequestMeter.NONE : meter;
  }

  void ended(Connection connection) {
    connections.remove(connection);
  }

  /** Everybody who is connected, the longest first. */
  public List<ClientStatus> clients() {
    return connections.all().stream()
        .map(Connection::status)
        .sorted(Comparator.comparingLong(ClientStatus::connectedMicros))
        .toList();
  }

  /**
   * Accepts nobody any more, reads no new requests, and closes each connection once none of its
   * requests is in flight; where that takes long, new requests are answered with ESHUTDOWN. Returns
   * at once.
   */
  public void shutDown() {
    shuttingDown = true;
    listeners.close();
    connections.all().forEach(Connection::shutDown);
  }

  /** {@link #shutDown} if that has not been, then closes what is still open. Waits for that. */
  @Override
  public void close() {
    shutDown();
    for (Connection connection : connections.all()) {
      connection.channel().close().awaitUninterruptibly(CLOSE_SECONDS, TimeUnit.SECONDS);
    }
    listeners.close().awaitUninterruptibly(CLOSE_SECONDS, TimeUnit.SECONDS);
  }
}
