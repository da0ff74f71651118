package io.nbdmirror.nbd.listen;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.handshake.HandshakeHandler;
import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.nbdmirror.nbd.transmission.InFlightBudget;
import io.nbdmirror.nbd.transmission.RequestMeter;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
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
  private final SocketKinds sockets;
  private final InFlightBudget budget = new InFlightBudget(InFlightBudget.DEFAULT_BYTES);
  private final ChannelGroup listeners = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final Map<Connection, Boolean> connections = new ConcurrentHashMap<>();
  private final AtomicLong unixClients = new AtomicLong();
  private volatile boolean shuttingDown;

  /**
   * A server that listens nowhere yet.
   *
   * @param group the loops of the exports' arrays
   * @param meters who is told about an export's requests; null for nobody
   */
  public NbdServer(
      ExportRegistry exports,
      EventLoopGroup group,
      Function<Export, ? extends @Nullable RequestMeter> meters) {
    this(exports, group, meters, HandshakeLimits.DEFAULT);
  }

  NbdServer(
      ExportRegistry exports,
      EventLoopGroup group,
      Function<Export, ? extends @Nullable RequestMeter> meters,
      HandshakeLimits limits) {
    this.exports = exports;
    this.group = group;
    this.meters = meters;
    this.limits = limits;
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
      UnixSocketFile file = UnixSocketFile.claim(unix.getPath());
      Channel channel =
          bind(address, bootstrap().channelFactory(sockets::newUnixListener), sockets.unix(unix));
      channel.closeFuture().addListener(closed -> file.remove());
      return address;
    }
    InetSocketAddress tcp = (InetSocketAddress) address.socket();
    ServerBootstrap bootstrap =
        bootstrap()
            .channelFactory(sockets::newTcpListener)
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.SO_KEEPALIVE, true);
    Channel channel = bind(address, bootstrap, tcp);
    return new ListenAddress(channel.localAddress());
  }

  private ServerBootstrap bootstrap() {
    return new ServerBootstrap()
        .group(group)
        .option(ChannelOption.SO_BACKLOG, BACKLOG)
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

  private Channel bind(ListenAddress address, ServerBootstrap bootstrap, SocketAddress socket)
      throws IOException {
    ChannelFuture bound = bootstrap.bind(socket).awaitUninterruptibly();
    if (!bound.isSuccess()) {
      Throwable cause = bound.cause();
      throw new IOException(
          "cannot listen on %s: %s"
              .formatted(address, cause == null ? "unknown" : cause.getMessage()),
          cause);
    }
    listeners.add(bound.channel());
    return bound.channel();
  }

  private void accepted(Channel channel) {
    Connection connection = new Connection(this, channel, peerOf(channel), nowMicros());
    connections.put(connection, true);
    channel
        .closeFuture()
        .addListener(closed -> {
          // Otherwise it ends once the device is done with its requests.
          if (connection.isHandshaking()) {
            ended(connection);
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

  private static long nowMicros() {
    return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
  }

  boolean isShuttingDown() {
    return shuttingDown;
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
    return connections.keySet().stream()
        .map(Connection::status)
        .sorted(Comparator.comparingLong(ClientStatus::connectedMicros))
        .toList();
  }

  /**
   * Accepts nobody any more, answers new requests with ESHUTDOWN, and closes each connection once
   * none of its requests is in flight. Returns at once.
   */
  public void shutDown() {
    shuttingDown = true;
    listeners.close();
    connections.keySet().forEach(Connection::shutDown);
  }

  /** {@link #shutDown} if that has not been, then closes what is still open. Waits for that. */
  @Override
  public void close() {
    shutDown();
    for (Connection connection : connections.keySet()) {
      connection.channel().close().awaitUninterruptibly(CLOSE_SECONDS, TimeUnit.SECONDS);
    }
    listeners.close().awaitUninterruptibly(CLOSE_SECONDS, TimeUnit.SECONDS);
  }
}
