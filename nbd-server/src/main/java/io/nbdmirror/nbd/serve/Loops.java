package io.nbdmirror.nbd.serve;

import io.nbdmirror.io.engine.FlushPath;
import io.nbdmirror.io.loop.EventLoopScheduler;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The loops that arrays live on: one an array, as far as there are processors. Native epoll, or NIO
 * where that is not to be had.
 */
final class Loops implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Loops.class);
  private static final long CLOSE_SECONDS = 5;

  private final MultiThreadIoEventLoopGroup group;

  Loops(int arrays) {
    boolean epoll = Epoll.isAvailable();
    if (!epoll) {
      log.info("using NIO for sockets: {}", String.valueOf(Epoll.unavailabilityCause()));
    }
    group =
        new MultiThreadIoEventLoopGroup(
            Math.clamp(arrays, 1, Runtime.getRuntime().availableProcessors()),
            new DefaultThreadFactory("loop", true),
            epoll ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
    group.forEach(loop -> loop.execute(FlushPath::enterThread));
  }

  MultiThreadIoEventLoopGroup group() {
    return group;
  }

  /** The loops in turn. */
  EventLoopScheduler next() {
    return new EventLoopScheduler((EventLoop) group.next());
  }

  /** Ends the loops; what is still queued on them is run first. Must not be called on one. */
  @Override
  public void close() {
    group.shutdownGracefully(0, CLOSE_SECONDS, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
