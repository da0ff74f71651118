package io.nbdmirror.io.engine;

import io.netty.util.concurrent.FastThreadLocalThread;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads that block for one file: one always, more while there is work for them, up to a
 * limit. What they finish is collected until the loop takes all of it at once. Handing a request
 * over and back allocates nothing (I9), which is why threads wait on a monitor: a lock of
 * java.util.concurrent makes a node for each thread that has to wait.
 */
final class Workers {
  private static final Logger LOG = LoggerFactory.getLogger(Workers.class);
  private static final long IDLE_MILLIS = TimeUnit.SECONDS.toMillis(10);

  private final String name;
  private final int limit;
  private final Consumer<PooledRequest> work;
  private final Runnable wakeLoop;
  private final Runnable whenEnded;

  /** Guards what follows, held for a few instructions only; idle threads wait on it. */
  private final Object lock = new Object();

  private @Nullable PooledRequest head;
  private @Nullable PooledRequest tail;
  private int queued;
  private int working;
  private int idle;
  private boolean ended;

  /** A stack: the newest first. */
  private final AtomicReference<@Nullable PooledRequest> finished = new AtomicReference<>();

  /**
   * @param work what a thread does with a request; must not throw
   * @param wakeLoop called by a worker when there is something finished where there was nothing
   * @param whenEnded called once, after {@link #end} and when no thread works any more
   */
  Workers(
      String name, int limit, Consumer<PooledRequest> work, Runnable wakeLoop, Runnable whenEnded) {
    this.name = name;
    this.limit = limit;
    this.work = work;
    this.wakeLoop = wakeLoop;
    this.whenEnded = whenEnded;
    working = 1;
    // The first is there before memory can be short, and stays.
    start();
  }

  void submit(PooledRequest request) {
    boolean more = false;
    synchronized (lock) {
      request.next = null;
      if (tail == null) {
        head = request;
      } else {
        tail.next = request;
      }
      tail = request;
      queued++;
      if (idle >= queued) {
        lock.notify();
      } else if (working + idle < limit) {
        working++;
        more = true;
      }
    }
    if (more) {
      startAnother();
    }
  }

  /** The finished requests, the oldest first, linked by {@code next}. */
  @Nullable PooledRequest takeFinished() {
    PooledRequest newest = finished.getAndSet(null);
    PooledRequest oldest = null;
    while (newest != null) {
      PooledRequest older = newest.next;
      newest.next = oldest;
      oldest = newest;
      newest = older;
    }
    return oldest;
  }

  /** Drops what is queued; lets the threads finish what they do, and go. */
  void end() {
    boolean last;
    synchronized (lock) {
      head = null;
      tail = null;
      queued = 0;
      ended = true;
      last = working == 0;
      lock.notifyAll();
    }
    if (last) {
      whenEnded.run();
    }
  }

  private void startAnother() {
    try {
      start();
    } catch (OutOfMemoryError e) {
      LOG.warn("no further thread for {}, going on with those there are: {}", name, e.getMessage());
      synchronized (lock) {
        working--;
      }
    }
  }

  private void start() {
    Thread thread = new FastThreadLocalThread(this::run, "io-" + name);
    thread.setDaemon(true);
    thread.start();
  }

  private void run() {
    FlushPath.enterThread();
    for (PooledRequest request = take(); request != null; request = take()) {
      work.accept(request);
      push(request);
    }
  }

  /** What to do next; null when this thread is to go. */
  private @Nullable PooledRequest take() {
    boolean last;
    synchronized (lock) {
      while (!ended) {
        PooledRequest request = head;
        if (request != null) {
          head = request.next;
          if (head == null) {
            tail = null;
          }
          queued--;
          return request;
        }
        working--;
        idle++;
        boolean timedOut = await();
        idle--;
        if (ended || (timedOut && head == null && working + idle > 0)) {
          return null;
        }
        working++;
      }
      working--;
      last = working == 0;
    }
    if (last) {
      whenEnded.run();
    }
    return null;
  }

  /** Whether the time ran out; with the lock held, and the loop around it is {@link #take}'s. */
  @SuppressWarnings("WaitNotInLoop")
  private boolean await() {
    long start = System.nanoTime();
    try {
      lock.wait(IDLE_MILLIS);
    } catch (InterruptedException e) {
      // Nobody here interrupts a worker, and its work is not to be cut short.
      return false;
    }
    return System.nanoTime() - start >= TimeUnit.MILLISECONDS.toNanos(IDLE_MILLIS);
  }

  private void push(PooledRequest request) {
    PooledRequest previous;
    do {
      previous = finished.get();
      request.next = previous;
    } while (!finished.compareAndSet(previous, request));
    if (previous == null) {
      wakeLoop.run();
    }
  }
}
