package io.nbdmirror.nbd.listen;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;

/** The listening sockets that fit a group of loops: native epoll's, or the JDK's. */
enum SocketKinds {
  EPOLL {
    @Override
    ServerChannel newTcpListener() {
      return new EpollServerSocketChannel();
    }

    @Override
    ServerChannel newUnixListener() {
      return new EpollServerDomainSocketChannel();
    }

    @Override
    ServerChannel adoptTcpListener(int fd) {
      return new EpollServerSocketChannel(fd);
    }

    @Override
    ServerChannel adoptUnixListener(int fd) {
      // Listening already, which the constructor without the flag takes for not yet.
      return new EpollServerDomainSocketChannel(fd, true);
    }

    @Override
    SocketAddress unix(UnixDomainSocketAddress address) {
      return new DomainSocketAddress(address.getPath().toFile());
    }
  },
  NIO {
    @Override
    ServerChannel newTcpListener() {
      return new NioServerSocketChannel();
    }

    @Override
    ServerChannel newUnixListener() {
      return new NioServerDomainSocketChannel();
    }

    @Override
    ServerChannel adoptTcpListener(int fd) {
      throw noDescriptors();
    }

    @Override
    ServerChannel adoptUnixListener(int fd) {
      throw noDescriptors();
    }

    @Override
    SocketAddress unix(UnixDomainSocketAddress address) {
      return address;
    }
  };

  static SocketKinds of(EventLoopGroup group) {
    return group instanceof IoEventLoopGroup loops && loops.isIoType(EpollIoHandler.class)
        ? EPOLL
        : NIO;
  }

  abstract ServerChannel newTcpListener();

  abstract ServerChannel newUnixListener();

  /** For a socket that listens and was handed over by its number. */
  abstract ServerChannel adoptTcpListener(int fd);

  /** The same for a unix socket. */
  abstract ServerChannel adoptUnixListener(int fd);

  private static UnsupportedOperationException noDescriptors() {
    return new UnsupportedOperationException(
        "sockets can be handed over only where native epoll is to be had");
  }

  /** As this kind of socket wants it. */
  abstract SocketAddress unix(UnixDomainSocketAddress address);
}
