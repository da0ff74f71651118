package io.nbdmirror.nbd.listen;

import io.nbdmirror.io.loop.EventLoopScheduler;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.nbdmirror.nbd.tls.TlsCredentials;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.util.concurrent.EventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A server of memory devices: "disk" to write, "rom" to read only; the default is "disk". */
final class ServerFixture implements AutoCloseable {
  static final int SIZE = 1 << 20;

  final MultiThreadIoEventLoopGroup group;
  final ExportRegistry exports = new ExportRegistry();
  final NbdServer server;
  final MemoryDevice disk;
  final InetSocketAddress address;
  private final EventExecutor loop;
  private final @Nullable TlsCredentials credentials;

  /** Two loops, so that most connections have to move to their export's. */
  ServerFixture(boolean epoll, HandshakeLimits limits) throws IOException {
    this(epoll, limits, AccessRules.OPEN, null);
  }

  ServerFixture(
      boolean epoll, HandshakeLimits limits, AccessRules rules, @Nullable TlsCredentials tls)
      throws IOException {
    credentials = tls;
    group =
        new MultiThreadIoEventLoopGroup(
            2, epoll ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
    loop = group.next();
    EventLoopScheduler scheduler = new EventLoopScheduler((EventLoop) loop);
    disk = new MemoryDevice(SIZE, scheduler);
    exports.add(new Export("disk", "a disk", disk, scheduler, false, 4096));
    exports.add(new Export("rom", "", new MemoryDevice(SIZE, scheduler), scheduler, true, 4096));
    exports.setDefault("disk");
    server = new NbdServer(exports, group, export -> null, limits, rules, tls);
    ListenAddress bound = server.listen(ListenAddress.parse("tcp:127.0.0.1:0"));
    address = (InetSocketAddress) bound.socket();
  }

  /** Waits until the exports' loop has done what was asked of it so far, what is due included. */
  void awaitLoop() {
    loop.submit(() -> {}).syncUninterruptibly();
    loop.schedule(() -> {}, 1, TimeUnit.MILLISECONDS).syncUninterruptibly();
  }

  RawClient connect() throws IOException {
    return new RawClient(address);
  }

  @Override
  public void close() {
    server.close();
    if (credentials != null) {
      credentials.close();
    }
    group.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
