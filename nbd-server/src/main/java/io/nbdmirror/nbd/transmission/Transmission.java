package io.nbdmirror.nbd.transmission;

import io.nbdmirror.nbd.handshake.Negotiated;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client's requests, on the export's loop from decode to reply.
 *
 * <p>Replies are flushed once for what a receive brought, and once a loop turn for what completed
 * otherwise. While requests wait for room in flight, or the client does not read its replies, the
 * socket is not read.
 */
final class Transmission implements RequestReader.Owner {
  private static final Logger LOG = LoggerFactory.getLogger(Transmission.class);

  private final ChannelHandlerContext ctx;
  private final TransmissionHost host;
  private final InFlightWindow window;
  private final ReplyQueue replies;
  private final DeviceRequests requests;
  private final RequestReader reader;
  private final Runnable endOfTurn = this::endOfTurn;
  private final Runnable woken = this::woken;

  /** Received and not yet read; more than one buffer only if the peer closed while paused. */
  private final Queue<ByteBuf> backlog = new ArrayDeque<>(2);

  /** Requests are being read or their replies collected: a flush will follow anyway. */
  private boolean inBatch;

  private boolean paused;
  private boolean endOfTurnScheduled;

  /** The server is going away: what is in flight is finished, and nothing else begun. */
  private boolean stopping;

  /** That takes too long to keep the client waiting: its requests are refused meanwhile. */
  private boolean refusing;

  /** Nothing is read any more; the channel is closed once nothing is in flight. */
  private boolean ending;

  private boolean closing;
  private boolean channelClosed;
  private boolean reportedEnd;

  Transmission(
      ChannelHandlerContext ctx,
      Negotiated negotiated,
      TransmissionHost host,
      TransferCounters counters) {
    this.ctx = ctx;
    this.host = host;
    window =
        new InFlightWindow(
            host.connectionLimitBytes(), host.budget(), this::wakeFromAnyThread, this::windowGiven);
    replies = new ReplyQueue(ctx, negotiated.format(), window);
    requests =
        new DeviceRequests(
            negotiated,
            ctx.alloc(),
            replies,
            window,
            counters,
            host.meter(negotiated.export()),
            this::requestEnded);
    reader = new RequestReader(this, negotiated, requests, window, counters, ctx.alloc());
  }

  void received(ByteBuf in) {
    if (ending || channelClosed) {
      in.release();
      return;
    }
    backlog.add(in);
    if (!paused && !isHeldBack()) {
      readBacklog();
    }
  }

  void receiveComplete() {
    settle();
  }

  /** Leaves {@code inBatch} set: the caller settles. */
  private void readBacklog() {
    inBatch = true;
    requests.startBatch();
    ByteBuf in = backlog.peek();
    while (in != null) {
      switch (reader.read(in)) {
        case CONSUMED -> {
          backlog.remove();
          in.release();
          in = backlog.peek();
        }
        case PAUSED -> {
          paused = true;
          ctx.channel().config().setAutoRead(false);
          return;
        }
        case ENDED -> {
          endInput();
          return;
        }
      }
    }
  }

  /** Sends what has been answered; closes the connection if that was its last act. */
  private void settle() {
    inBatch = false;
    requests.flush();
    boolean last = ending || stopping;
    if (last && requests.isIdle() && !closing && !channelClosed) {
      closing = true;
      host.ending("the server is stopping");
      endInput();
      replies.flushAndClose();
    }
  }

  private void endOfTurn() {
    endOfTurnScheduled = false;
    if (channelClosed) {
      return;
    }
    if (paused && !ending && !isHeldBack()) {
      paused = false;
      readBacklog();
      if (!paused && !ending) {
        ctx.channel().config().setAutoRead(true);
      }
    }
    settle();
  }

  void scheduleEndOfTurn() {
    if (!endOfTurnScheduled && !channelClosed) {
      endOfTurnScheduled = true;
      ctx.executor().execute(endOfTurn);
    }
  }

  private void requestEnded() {
    if (channelClosed) {
      requests.flush();
      reportEndIfIdle();
    } else if (!inBatch) {
      scheduleEndOfTurn();
    }
  }

  private void windowGiven() {
    if (paused && !inBatch) {
      scheduleEndOfTurn();
    }
  }

  void writabilityChanged() {
    if (paused && ctx.channel().isWritable()) {
      scheduleEndOfTurn();
    }
  }

  private void wakeFromAnyThread() {
    try {
      ctx.executor().execute(woken);
    } catch (RejectedExecutionException loopHasEnded) {
      LOG.debug("{} is gone with its loop", host.peer());
    }
  }

  private void woken() {
    window.woken();
    if (paused) {
      scheduleEndOfTurn();
    }
  }

  /**
   * Reads nothing more and closes the connection once nothing is in flight. A request that is not
   * answered is made again by a client that connects again; one answered with an error would be the
   * end of the filesystem above. Only after {@code patienceNanos} the client is told.
   */
  void shutdownBegun(long patienceNanos) {
    if (stopping || channelClosed) {
      return;
    }
    stopping = true;
    ctx.channel().config().setAutoRead(false);
    var _ =
        ctx.executor()
            .schedule(
                () -> {
                  refusing = true;
                  paused = true;
                  scheduleEndOfTurn();
                },
                patienceNanos,
                TimeUnit.NANOSECONDS);
    scheduleEndOfTurn();
  }

  private boolean isHeldBack() {
    return stopping && !refusing;
  }

  void disconnect() {
    if (!ending && !channelClosed) {
      endInput();
      scheduleEndOfTurn();
    }
  }

  @Override
  public boolean mayBegin() {
    if (!ctx.channel().isWritable()) {
      requests.flush();
    }
    return ctx.channel().isWritable();
  }

  @Override
  public boolean isShuttingDown() {
    return refusing;
  }

  @Override
  public void disconnectAsked() {
    host.ending("it disconnected");
  }

  @Override
  public void streamBroken(String why) {
    host.ending(why);
    closing = true;
    requests.flush();
    ctx.close();
  }

  private void endInput() {
    ending = true;
    reader.end();
    ctx.channel().config().setAutoRead(false);
    ByteBuf in = backlog.poll();
    while (in != null) {
      in.release();
      in = backlog.poll();
    }
  }

  void channelClosed() {
    host.ending("it closed the connection without saying that it would");
    channelClosed = true;
    endInput();
    requests.abandon();
    reportEndIfIdle();
  }

  private void reportEndIfIdle() {
    if (requests.isIdle() && !reportedEnd) {
      reportedEnd = true;
      host.ended();
    }
  }
}
