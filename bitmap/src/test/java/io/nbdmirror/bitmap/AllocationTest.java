package io.nbdmirror.bitmap;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.nbdmirror.bitmap.clearing.ClearingDaemon;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.bitmap.storage.BitmapStorage;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.netty.buffer.ByteBuf;
import java.lang.management.ManagementFactory;
import java.util.ArrayDeque;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * I9: from the first touch of a chunk to its last the bitmap allocates nothing. Measured by the
 * JVM's own count of bytes, on a storage that completes one turn later.
 */
class AllocationTest {
  private static final int CHUNK = 65536;
  private static final long SIZE = 64L << 30;
  private static final int ROUNDS = 4_000;

  private final Loop loop = new Loop();
  private final LaterStorage storage = new LaterStorage();
  private final WriteIntentBitmap bitmap =
      new WriteIntentBitmap(
          new BitmapPages(new BitmapGeometry(SIZE, CHUNK)), storage, new Owner(), loop, false);
  private final ClearingDaemon daemon = new ClearingDaemon(bitmap, new Owner(), loop);
  private final List<Write> writes =
      List.of(new Write(), new Write(), new Write(), new Write(), new Write(), new Write());

  @Test
  void writesToDirtyChunksAllocateNothingAndWriteNoPage() {
    touch(0, 6);
    long pages = bitmap.commits().pagesWritten();
    assertThat(
            allocatedBy(() -> {
              for (int i = 0; i < ROUNDS; i++) {
                Write write = writes.get(i % writes.size());
                write.at = i % 6 * (long) CHUNK;
                assertTrue(bitmap.startWrite(write));
                bitmap.endWrite(write, true);
              }
            }))
        .isZero();
    assertThat(bitmap.commits().pagesWritten()).isEqualTo(pages);
  }

  @Test
  void firstTouchesAndTheirCommitsAllocateNothing() {
    // Once all around, so that what is kept for later is there.
    aroundTheDevice();
    clearAll();
    assertThat(allocatedBy(this::aroundTheDevice)).isZero();
    assertThat(bitmap.dirtyChunks()).isGreaterThan(ROUNDS);
    assertThat(loop.ticks).as("pauses that ended by the clock").isGreaterThan(ROUNDS / 2);
  }

  /**
   * Chunks of every page in turn, six at once, as a group commit has them, then only three: the
   * pause for the other three ends by the clock.
   */
  private void aroundTheDevice() {
    int chunks = bitmap.geometry().chunks();
    for (int round = 0; round < ROUNDS; round++) {
      touch(
          (int) (round * 2_654_435_761L % (chunks - 6) + chunks - 6) % (chunks - 6),
          round % 2 == 0 ? 6 : 3);
    }
  }

  private void touch(int firstChunk, int count) {
    for (int i = 0; i < count; i++) {
      Write write = writes.get(i);
      write.at = (firstChunk + i) * (long) CHUNK;
      write.durable = bitmap.startWrite(write);
    }
    loop.run();
    while (!allDurable(count)) {
      loop.tick();
    }
    for (int i = 0; i < count; i++) {
      bitmap.endWrite(writes.get(i), true);
    }
  }

  private boolean allDurable(int count) {
    for (int i = 0; i < count; i++) {
      if (!writes.get(i).durable) {
        return false;
      }
    }
    return true;
  }

  private void clearAll() {
    for (int pass = 0; pass < 2; pass++) {
      daemon.pass(true, () -> {});
      loop.run();
    }
    assertThat(bitmap.dirtyChunks()).isZero();
  }

  private static void assertTrue(boolean condition) {
    if (!condition) {
      throw new AssertionError();
    }
  }

  /** Bytes, the least of a few runs: the first one still links what it calls. */
  private long allocatedBy(Runnable work) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long least = Long.MAX_VALUE;
    for (int run = 0; run < 5; run++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      work.run();
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      if (bitmap.dirtyChunks() > 10 && least > 0) {
        clearAll();
      }
    }
    return least;
  }

  /** Tasks in a ring that was made before, and a clock that moves whenever somebody looks. */
  private static final class Loop implements Scheduler {
    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>(1 << 12);
    private Runnable repeated = () -> {};
    private long nanos;
    private int ticks;

    void tick() {
      ticks++;
      nanos += 500_000;
      repeated.run();
      run();
    }

    void run() {
      for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
        task.run();
      }
    }

    @Override
    public void execute(Runnable task) {
      tasks.add(task);
    }

    @Override
    public boolean inLoop() {
      return true;
    }

    @Override
    public Timer schedule(Runnable task, long delayNanos) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Timer repeat(Runnable task, long periodNanos) {
      repeated = task;
      return () -> repeated = () -> {};
    }

    @Override
    public long nanoTime() {
      return nanos += 1_000;
    }

    @Override
    public long wallClockMicros() {
      return 0;
    }
  }

  private final class LaterStorage implements BitmapStorage, Runnable {
    private final ArrayDeque<Completion> waiting = new ArrayDeque<>(1 << 12);

    @Override
    public void writePage(int page, ByteBuf buffer, Completion done) {
      waiting.add(done);
      loop.execute(this);
    }

    @Override
    public void run() {
      loop.nanos += 200_000;
      waiting.remove().completed(null);
    }
  }

  private static final class Write implements BitmapWrite {
    private long at;
    private boolean durable;

    @Override
    public long startBytes() {
      return at;
    }

    @Override
    public long endBytes() {
      return at + 4096;
    }

    @Override
    public void bitsDurable() {
      durable = true;
    }
  }

  private static final class Owner implements BitmapOwner {
    @Override
    public boolean mayClear() {
      return true;
    }

    @Override
    public void flushMembers(Completion done) {
      done.completed(null);
    }

    @Override
    public long events() {
      return 0;
    }

    @Override
    public void bitmapFailed(DeviceException failure) {
      throw new AssertionError(failure);
    }
  }
}
