package io.nbdmirror.nbd.admin;

import io.nbdmirror.nbd.metrics.MetricsPage;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.flow.FlowControlHandler;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The admin API on its address. It has a thread of its own, so that it answers, and can say so,
 * while an array's loop is stuck. Any thread may call.
 */
public final class AdminServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(AdminServer.class);
  private static final int MAX_LINE_BYTES = 4096;
  private static final int MAX_HEADER_BYTES = 16 * 1024;
  private static final int MAX_CHUNK_BYTES = 8192;
  private static final int MAX_BODY_BYTES = 64 * 1024;
  private static final int MAX_CONNECTIONS = 128;
  private static final int IDLE_SECONDS = 60;
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final Duration LAST_ANSWERS = Duration.ofSeconds(10);

  private final EventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(
          1, new DefaultThreadFactory("admin", true), NioIoHandler.newFactory());
  private final ExecutorService responders =
      Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("admin-answer-", 0).factory());
  private final ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final AtomicBoolean closed = new AtomicBoolean();
  private final AdminAddress address;
  private final Channel listener;

  private AdminServer(AdminAddress wanted, AdminRoutes routes, AdminToken token)
      throws IOException {
    boolean unix = wanted.socket() instanceof UnixDomainSocketAddress;
    try {
      if (wanted.socket() instanceof UnixDomainSocketAddress socket) {
        removeAbandonedSocket(socket);
      }
      listener = bind(wanted, routes, token);
      address = unix ? wanted : new AdminAddress(listener.localAddress());
      if (wanted.socket() instanceof UnixDomainSocketAddress socket) {
        Files.setPosixFilePermissions(
            socket.getPath(), PosixFilePermissions.fromString("rw-------"));
      }
    } catch (IOException e) {
      shutDown();
      throw e;
    }
  }

  /**
   * Starts answering.
   *
   * @param address port 0 takes a free one
   * @throws IOException with a sentence when the address cannot be had
   */
  public static AdminServer start(
      AdminAddress address, Control control, MetricsPage metrics, AdminToken token)
      throws IOException {
    return start(address, control, metrics, token, PATIENCE);
  }

  static AdminServer start(
      AdminAddress address,
      Control control,
      MetricsPage metrics,
      AdminToken token,
      Duration patience)
      throws IOException {
    return new AdminServer(address, new AdminApi(control, metrics, patience).routes(), token);
  }

  /** Where it is, with the port it really has. */
  public AdminAddress address() {
    return address;
  }

  /**
   * Takes no more requests, lets those that are being answered have their answer, for a moment, and
   * gives the address back. Must not be called on a loop. Closing again does nothing.
   */
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    listener.close().syncUninterruptibly();
    for (Channel connection : connections) {
      connection.pipeline().fireUserEventTriggered(AdminHandler.Event.CLOSE);
    }
    connections.newCloseFuture().awaitUninterruptibly(LAST_ANSWERS.toMillis());
    shutDown();
    if (address.socket() instanceof UnixDomainSocketAddress socket) {
      delete(socket.getPath());
    }
  }

  private Channel bind(AdminAddress wanted, AdminRoutes routes, AdminToken token)
      throws IOException {
    boolean unix = wanted.socket() instanceof UnixDomainSocketAddress;
    ChannelFuture bound =
        new ServerBootstrap()
            .group(loops)
            .channel(unix ? NioServerDomainSocketChannel.class : NioServerSocketChannel.class)
            .childHandler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel connection) {
                    accept(connection, new AdminHandler(routes, token, !unix, responders));
                  }
                })
            .bind(wanted.socket())
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      throw new IOException(
          "cannot listen for admin requests on %s: %s; give another address with --admin"
              .formatted(wanted, bound.cause().getMessage()),
          bound.cause());
    }
    return bound.channel();
  }

  private void accept(Channel connection, AdminHandler handler) {
    if (connections.size() >= MAX_CONNECTIONS) {
      var _ = connection.close();
      return;
    }
    connections.add(connection);
    ChannelPipeline pipeline = connection.pipeline();
    pipeline.addLast(new IdleStateHandler(0, 0, IDLE_SECONDS));
    pipeline.addLast(new HttpServerCodec(MAX_LINE_BYTES, MAX_HEADER_BYTES, MAX_CHUNK_BYTES));
    pipeline.addLast(new AdminAggregator(MAX_BODY_BYTES));
    pipeline.addLast(new FlowControlHandler());
    pipeline.addLast(handler);
  }

  private void shutDown() {
    responders.shutdownNow();
    loops
        .shutdownGracefully(0, LAST_ANSWERS.toMillis(), TimeUnit.MILLISECONDS)
        .awaitUninterruptibly();
  }

  /** A socket that nobody listens on was left by a server that was killed. */
  private static void removeAbandonedSocket(UnixDomainSocketAddress socket) throws IOException {
    if (!Files.exists(socket.getPath())
        || !Files.readAttributes(socket.getPath(), BasicFileAttributes.class).isOther()) {
      return;
    }
    try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      probe.connect(socket);
    } catch (ConnectException _) {
      Files.delete(socket.getPath());
    }
  }

  private static void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      log.warn("cannot remove the admin socket {}: {}", path, e.toString());
    }
  }
}
