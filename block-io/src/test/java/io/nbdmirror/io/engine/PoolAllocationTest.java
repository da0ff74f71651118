package io.nbdmirror.io.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.file.Access;
import io.nbdmirror.io.file.FileDevice;
import io.nbdmirror.io.loop.EventLoopScheduler;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * I9 below the bitmap: durable writes go to worker threads and come back, and none of the threads
 * that have to do with them allocates, by the JVM's own count of each.
 */
class PoolAllocationTest {
  private static final int PAGE = 4096;

  /** As many at once as there can be workers: all of them wait in between. */
  private static final int DEPTH = PoolEngine.CACHED_WORKERS;

  private static final int ROUNDS = 50;

  /** Each worker but the first may start in another run; then there are none left to start. */
  private static final int RUNS = 2 * PoolEngine.CACHED_WORKERS;

  private static final String LOOP = "pool-allocation-loop";
  private static final String FILE = "pool-allocation.img";

  @TempDir Path folder;

  @Test
  void durableWritesGoToWorkersAndComeBackWithoutAllocating() throws Exception {
    Path path = folder.resolve(FILE);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength((long) DEPTH * PAGE);
    }
    MultiThreadIoEventLoopGroup group =
        new MultiThreadIoEventLoopGroup(
            1,
            new DefaultThreadFactory(LOOP),
            Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
    try {
      EventLoopScheduler loop = new EventLoopScheduler((EventLoop) group.next());
      FileDevice device =
          FileDevice.open(path.toString(), Access.EXCLUSIVE, false, loop, new PoolEngine());
      Map<String, Long> least = allocatedByWrites(loop, new Rounds(device));
      assertThat(least.keySet()).anyMatch(thread -> thread.startsWith(LOOP));
      assertThat(least.keySet()).anyMatch(thread -> thread.startsWith("io-" + FILE));
      assertThat(least)
          .as("bytes of each thread")
          .allSatisfy((thread, bytes) -> assertThat(bytes).isZero());
      CompletableFuture.runAsync(device::close, loop).get(10, TimeUnit.SECONDS);
    } finally {
      group.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly();
    }
  }

  /** Of the run that allocated least, after a first one that links what it calls. */
  private static Map<String, Long> allocatedByWrites(EventLoopScheduler loop, Rounds rounds)
      throws InterruptedException {
    rounds.runOn(loop);
    Map<String, Long> least = Map.of();
    for (int run = 0; run < RUNS; run++) {
      Map<String, Long> before = countOfEachThread();
      rounds.runOn(loop);
      Map<String, Long> allocated = countOfEachThread();
      allocated.keySet().retainAll(before.keySet());
      allocated.replaceAll((thread, bytes) -> bytes - before.getOrDefault(thread, 0L));
      least = run == 0 || sum(allocated) < sum(least) ? allocated : least;
    }
    return least;
  }

  private static long sum(Map<String, Long> bytes) {
    return bytes.values().stream().mapToLong(Long::longValue).sum();
  }

  private static Map<String, Long> countOfEachThread() {
    ThreadMXBean counter = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    Map<String, Long> bytes = new HashMap<>();
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      long id = thread.threadId();
      if (thread.getName().startsWith(LOOP) || thread.getName().equals("io-" + FILE)) {
        bytes.put(thread.getName() + "-" + id, counter.getThreadAllocatedBytes(id));
      }
    }
    return bytes;
  }

  /** Batches of durable writes on the loop, each begun when all of the one before are back. */
  private static final class Rounds implements Runnable, Completion {
    private final FileDevice device;
    private final ByteBuf page = AlignedBuffer.allocate().bytes();
    private final Semaphore ended = new Semaphore(0);
    private int round;
    private int outstanding;
    private volatile @Nullable DeviceException failure;

    Rounds(FileDevice device) {
      this.device = device;
    }

    void runOn(EventLoopScheduler loop) throws InterruptedException {
      loop.execute(this);
      ended.acquire();
      assertThat(failure).isNull();
    }

    @Override
    public void run() {
      round = 0;
      writeBatch();
    }

    private void writeBatch() {
      outstanding = DEPTH;
      for (int i = 0; i < DEPTH; i++) {
        device.write((long) i * PAGE, page, 0, PAGE, true, this);
      }
    }

    @Override
    public void completed(@Nullable DeviceException writeFailure) {
      failure = failure == null ? writeFailure : failure;
      outstanding--;
      if (outstanding == 0) {
        round++;
        if (round < ROUNDS) {
          writeBatch();
        } else {
          ended.release();
        }
      }
    }
  }
}
