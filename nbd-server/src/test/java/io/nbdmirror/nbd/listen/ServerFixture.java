package io.nbdmirror.nbd.listen;

import io.nbdmirror.io.loop.EventLoopScheduler;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.nio.NioIoHandler;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;

/** A server of memory devices: "disk" to write, "rom" to read only; the default is "disk". */
final class ServerFixture implements AutoCloseable {
  static final int SIZE = 1 << 20;

  final MultiThreadIoEventLoopGroup group;
  final ExportRegistry exports = new ExportRegistry();
  final NbdServer server;
  final MemoryDevice disk;
  final InetSocketAddress address;

  /** Two loops, so that most connections have to move to their export's. */
  ServerFixture(boolean epoll, HandshakeLimits limits) throws IOException {
    group =
        new MultiThreadIoEventLoopGroup(
            2, epoll ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
    EventLoopScheduler loop = new EventLoopScheduler((EventLoop) group.next());
    disk = new MemoryDevice(SIZE, loop);
    exports.add(new Export("disk", "a disk", disk, loop, false, 4096));
    exports.add(new Export("rom", "", new MemoryDevice(SIZE, loop), loop, true, 4096));
    exports.setDefault("disk");
    server = new NbdServer(exports, group, export -> null, limits);
    ListenAddress bound = server.listen(ListenAddress.parse("tcp:127.0.0.1:0"));
    address = (InetSocketAddress) bound.socket();
  }

  RawClient connect() throws IOException {
    return new RawClient(address);
  }

  @Override
  public void close() {
    server.close();
    group.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
