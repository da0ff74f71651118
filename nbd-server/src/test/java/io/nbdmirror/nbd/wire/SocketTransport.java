package io.nbdmirror.nbd.wire;

import io.nbdmirror.io.loop.EventLoopScheduler;
import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.nbdmirror.nbd.listen.AccessRules;
import io.nbdmirror.nbd.listen.ListenAddress;
import io.nbdmirror.nbd.listen.NbdServer;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/** A server of its own, reached by TCP or by a unix socket. */
final class SocketTransport implements WireTransport {
  private final String name;
  private final MultiThreadIoEventLoopGroup group;
  private final NbdServer server;
  private final SocketAddress address;

  private SocketTransport(String name, ListenAddress listen) throws IOException {
    this.name = name;
    group = new MultiThreadIoEventLoopGroup(2, EpollIoHandler.newFactory());
    EventLoopScheduler loop = new EventLoopScheduler((EventLoop) group.next());
    server =
        new NbdServer(
            WireExports.on(loop),
            group,
            export -> null,
            HandshakeLimits.DEFAULT,
            AccessRules.OPEN,
            null);
    address = server.listen(listen).socket();
  }

  static SocketTransport tcp() throws IOException {
    return new SocketTransport("TCP", ListenAddress.parse("tcp:127.0.0.1:0"));
  }

  static SocketTransport unix(Path folder) throws IOException {
    return new SocketTransport("unix", ListenAddress.parse("unix:" + folder.resolve("socket")));
  }

  @Override
  public Connection connect() throws IOException {
    SocketChannel socket = SocketChannel.open(address);
    if (!(address instanceof UnixDomainSocketAddress)) {
      socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
    }
    return new SocketConnection(socket);
  }

  @Override
  public void close() {
    server.close();
    group.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  @Override
  public String toString() {
    return name;
  }

  private static final class SocketConnection implements Connection {
    private final SocketChannel socket;
    private final ByteBuffer buffer = ByteBuffer.allocate(1 << 16);

    SocketConnection(SocketChannel socket) {
      this.socket = socket;
    }

    @Override
    public void send(byte[] bytes) {
      try {
        ByteBuffer rest = ByteBuffer.wrap(bytes);
        while (rest.hasRemaining()) {
          socket.write(rest);
        }
      } catch (IOException closed) {
        // What the server says, or that it says nothing, is what the case is about.
        buffer.clear();
      }
    }

    @Override
    public byte[] receive() {
      try {
        buffer.clear();
        int received = socket.read(buffer);
        return Arrays.copyOf(buffer.array(), Math.max(received, 0));
      } catch (IOException reset) {
        return Sent.NOTHING;
      }
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
