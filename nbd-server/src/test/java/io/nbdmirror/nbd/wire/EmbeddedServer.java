package io.nbdmirror.nbd.wire;

import io.nbdmirror.io.Scheduler;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.handshake.Admission;
import io.nbdmirror.nbd.handshake.HandshakeHandler;
import io.nbdmirror.nbd.handshake.HandshakeHost;
import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.nbdmirror.nbd.handshake.Negotiated;
import io.nbdmirror.nbd.handshake.Refusal;
import io.nbdmirror.nbd.tls.SecureSession;
import io.nbdmirror.nbd.transmission.InFlightBudget;
import io.nbdmirror.nbd.transmission.RequestMeter;
import io.nbdmirror.nbd.transmission.TransferCounters;
import io.nbdmirror.nbd.transmission.TransmissionHandler;
import io.nbdmirror.nbd.transmission.TransmissionHost;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.ByteArrayOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * The handlers of one connection without a socket and without threads: bytes in, bytes out. What
 * the device does at once is answered at once.
 */
final class EmbeddedServer implements HandshakeHost, TransmissionHost {
  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final InFlightBudget budget = new InFlightBudget(InFlightBudget.DEFAULT_BYTES);
  private boolean ended;
  private boolean attached;

  EmbeddedServer(ExportRegistry exports) {
    this(exports, PooledByteBufAllocator.DEFAULT);
  }

  /**
   * @param alloc what every buffer comes from
   */
  EmbeddedServer(ExportRegistry exports, ByteBufAllocator alloc) {
    channel.config().setAllocator(alloc);
    channel.pipeline().addLast(new HandshakeHandler(exports, HandshakeLimits.DEFAULT, this));
  }

  /** A loop whose tasks are run by {@link #send}. */
  static Scheduler loop() {
    return new IdleScheduler();
  }

  void send(byte[] bytes) {
    if (channel.isOpen()) {
      ByteBuf in = channel.alloc().directBuffer(Math.max(bytes.length, 1));
      channel.writeInbound(in.writeBytes(bytes));
      channel.runPendingTasks();
    }
  }

  /** All that has been answered so far. */
  byte[] received() {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (ByteBuf out = channel.readOutbound(); out != null; out = channel.readOutbound()) {
      byte[] bytes = new byte[out.readableBytes()];
      out.readBytes(bytes);
      out.release();
      all.writeBytes(bytes);
    }
    return all.toByteArray();
  }

  boolean isOpen() {
    return channel.isOpen();
  }

  /** The client goes away. */
  void close() {
    channel.close();
    channel.runPendingTasks();
    received();
    channel.checkException();
  }

  /** Bytes that are still accounted for as being in flight. */
  long usedBytes() {
    return budget.usedBytes();
  }

  /** Whether the handshake has come to an end. */
  boolean isAttached() {
    return attached;
  }

  /** Whether transmission began, and with it everything that must end when the client goes. */
  boolean isUnfinished() {
    return attached && !ended;
  }

  @Override
  public boolean isShuttingDown() {
    return false;
  }

  @Override
  public boolean reserve(int bytes) {
    return budget.tryReserve(bytes);
  }

  @Override
  public void giveBack(int bytes) {
    budget.release(bytes);
  }

  @Override
  public Admission admission() {
    return new OpenAdmission();
  }

  @Override
  public void startTls() {
    throw new AssertionError("TLS is refused");
  }

  @Override
  public void secured(SecureSession session) {
    throw new AssertionError("TLS is refused");
  }

  @Override
  public void optionRefused(String option, String why) {
    if (why.isEmpty()) {
      throw new AssertionError(option + " is refused without a reason");
    }
  }

  @Override
  public void ending(String why) {
    if (why.isEmpty()) {
      throw new AssertionError("it ends without a reason");
    }
  }

  @Override
  public long shutdownPatienceNanos() {
    return 0;
  }

  /** Everything is for everybody, without TLS. */
  private record OpenAdmission() implements Admission {
    @Override
    public boolean awaitsTls() {
      return false;
    }

    @Override
    public Refusal refusalOfTls() {
      return new Refusal(0x80000002, "there is no TLS here");
    }

    @Override
    public boolean mayKnow(Export export) {
      return true;
    }

    @Override
    public @Nullable Refusal refusalOf(Export export) {
      return null;
    }

    @Override
    public @Nullable Refusal admit(Export export) {
      return null;
    }
  }

  @Override
  public void attached(Channel attachedChannel, Negotiated negotiated) {
    attached = true;
    channel
        .pipeline()
        .replace(
            HandshakeHandler.class,
            "transmission",
            new TransmissionHandler(negotiated, this, new TransferCounters()));
  }

  @Override
  public long connectionLimitBytes() {
    return 64L << 20;
  }

  @Override
  public InFlightBudget budget() {
    return budget;
  }

  @Override
  public RequestMeter meter(Export export) {
    return RequestMeter.NONE;
  }

  @Override
  public String peer() {
    return "embedded";
  }

  @Override
  public void ended() {
    ended = true;
  }
}
