package io.nbdmirror.bench;

import io.nbdmirror.bitmap.BitmapOwner;
import io.nbdmirror.bitmap.BitmapWrite;
import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.bitmap.storage.NoStorage;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import java.util.ArrayDeque;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What the bitmap adds to a write, on storage that costs nothing: 8 GiB in chunks of 64 KiB. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class BitmapBenchmark {
  private static final int CHUNK_BYTES = 64 << 10;
  private static final long SIZE_BYTES = 8L << 30;
  private static final int OFFSETS = 1 << 14;

  private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();
  private final long[] offsets = new long[OFFSETS];
  private final Write write = new Write();
  private WriteIntentBitmap bitmap;
  private int next;

  /** Every chunk dirty, and every bit durable. */
  @Setup
  public void dirty() {
    BitmapPages pages = new BitmapPages(new BitmapGeometry(SIZE_BYTES, CHUNK_BYTES));
    pages.setAll();
    bitmap = new WriteIntentBitmap(pages, new NoStorage(), new Owner(), new Loop(), false);
    bitmap.commits().commit(ignored -> {});
    runTasks();
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < OFFSETS; i++) {
      offsets[i] = random.nextLong(SIZE_BYTES / 4096) * 4096;
    }
  }

  private void runTasks() {
    for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
      task.run();
    }
  }

  /** startWrite and endWrite of 4 KiB at random, in chunks that are dirty. */
  @Benchmark
  public boolean dirtyChunk() {
    write.start = offsets[next++ & OFFSETS - 1];
    boolean durable = bitmap.startWrite(write);
    bitmap.endWrite(write, true);
    return durable;
  }

  /** A first touch: startWrite, the commit of its page, endWrite, and the bit taken away again. */
  @Benchmark
  public int firstTouch() {
    write.start = offsets[next++ & OFFSETS - 1];
    int chunk = bitmap.geometry().chunkAt(write.start);
    // As the clearing pass does, so that the next touch of it is the first again.
    bitmap.counters().age(chunk);
    bitmap.counters().clear(chunk);
    bitmap.pages().clear(chunk);
    int page = bitmap.geometry().pageOf(chunk);
    bitmap.pages().startWrite(page);
    bitmap.pages().endWrite(page, true);
    bitmap.startWrite(write);
    runTasks();
    bitmap.endWrite(write, true);
    return write.wentOn;
  }

  private static final class Write implements BitmapWrite {
    private long start;
    private int wentOn;

    @Override
    public long startBytes() {
      return start;
    }

    @Override
    public long endBytes() {
      return start + 4096;
    }

    @Override
    public void bitsDurable() {
      wentOn++;
    }
  }

  private final class Loop implements Scheduler {
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
      throw new UnsupportedOperationException("one writer alone is never made to wait");
    }

    @Override
    public long nanoTime() {
      return System.nanoTime();
    }

    @Override
    public long wallClockMicros() {
      return 0;
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
