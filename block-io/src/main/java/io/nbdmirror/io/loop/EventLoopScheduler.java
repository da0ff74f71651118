package io.nbdmirror.io.loop;

import io.nbdmirror.io.Scheduler;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.TimeUnit;

/** A Netty event loop as the engine sees it. */
public final class EventLoopScheduler implements Scheduler {
  private final EventLoop eventLoop;

  public EventLoopScheduler(EventLoop eventLoop) {
    this.eventLoop = eventLoop;
  }

  /** The loop itself, for channels to be registered on. */
  public EventLoop eventLoop() {
    return eventLoop;
  }

  @Override
  public void execute(Runnable task) {
    eventLoop.execute(task);
  }

  @Override
  public boolean inLoop() {
    return eventLoop.inEventLoop();
  }

  @Override
  public Timer schedule(Runnable task, long delayNanos) {
    ScheduledFuture<?> future = eventLoop.schedule(task, delayNanos, TimeUnit.NANOSECONDS);
    return () -> future.cancel(false);
  }

  @Override
  public Timer repeat(Runnable task, long periodNanos) {
    ScheduledFuture<?> future =
        eventLoop.scheduleWithFixedDelay(task, periodNanos, periodNanos, TimeUnit.NANOSECONDS);
    return () -> future.cancel(false);
  }

  @Override
  public long nanoTime() {
    return System.nanoTime();
  }

  @Override
  public long wallClockMicros() {
    return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
  }
}
