package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.raid.assembly.TestAssembly;
import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.FastThreadLocalThread;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * A write allocates nothing once its chunks are marked, whether all members are waited for or one
 * lags; measured by the JVM's own count of bytes, on a thread like that of an event loop.
 */
class WriteAllocationTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final int ROUNDS = 3000;
  private static final int AT_ONCE = 8;

  @Test
  void writesThatAllMembersAreWaitedForAllocateNothing() throws InterruptedException {
    assertAllocatesNothing(0, 0);
  }

  @Test
  void writesBehindAllocateNothing() throws InterruptedException {
    assertAllocatesNothing(AT_ONCE, AT_ONCE);
  }

  private static void assertAllocatesNothing(int limit, int answeredEarly)
      throws InterruptedException {
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    Thread loop =
        new FastThreadLocalThread(() -> {
          try {
            Writer writer = new Writer(limit);
            assertThat(writer.leastAllocated()).isZero();
            assertThat(writer.answeredEarly).isEqualTo(answeredEarly);
          } catch (Throwable e) {
            failure.set(e);
          }
        });
    loop.start();
    loop.join();
    assertThat(failure.get()).isNull();
  }

  /** Writes in rounds, and has the second member take them at the end of each. */
  private static final class Writer implements Completion {
    private final LateDevice second;
    private final Mirror mirror;
    private final ByteBuf bytes = ArrayClient.filled(4096, 1);
    private int answered;
    private int answeredEarly;

    Writer(int limit) {
      TestArray array = new TestArray(1, 2, SIZE, CHUNK);
      array.setWriteBehind(1, limit);
      LateDevice first = new LateDevice(array.devices.getFirst());
      second = new LateDevice(array.devices.get(1));
      mirror = TestAssembly.assemble(List.of(first, second), false, array);
      mirror.start();
      mirror.setCleanDelayNanos(0);
      assertThat(new ArrayClient(array, mirror).write(0, SIZE, 1)).isNull();
      first.takesAtOnce = true;
      second.isLate = true;
    }

    /** Bytes, the least of a few runs: the first ones still link what they call. */
    long leastAllocated() {
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      long least = Long.MAX_VALUE;
      for (int run = 0; run < 6; run++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int round = 0; round < ROUNDS; round++) {
          round();
        }
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      return least;
    }

    private void round() {
      answered = 0;
      for (int i = 0; i < AT_ONCE; i++) {
        mirror.write(i * 8192L, bytes, 0, 4096, false, this);
      }
      answeredEarly = answered;
      second.takeAll();
      if (answered != AT_ONCE) {
        throw new AssertionError(answered + " writes were answered");
      }
    }

    @Override
    public void completed(@Nullable DeviceException failure) {
      if (failure != null) {
        throw new AssertionError(failure);
      }
      answered++;
    }
  }

  /** Passes everything on, until it takes writes by itself: at once, or when it is told. */
  private static final class LateDevice implements BlockDevice {
    private final BlockDevice device;
    private final Completion[] waiting = new Completion[AT_ONCE];
    private int count;
    private boolean takesAtOnce;
    private boolean isLate;

    LateDevice(BlockDevice device) {
      this.device = device;
    }

    void takeAll() {
      for (int i = 0; i < count; i++) {
        waiting[i].completed(null);
      }
      count = 0;
    }

    @Override
    public void write(
        long offsetBytes,
        ByteBuf source,
        int sourceIndex,
        int lengthBytes,
        boolean fua,
        Completion done) {
      if (takesAtOnce) {
        done.completed(null);
      } else if (isLate) {
        waiting[count++] = done;
      } else {
        device.write(offsetBytes, source, sourceIndex, lengthBytes, fua, done);
      }
    }

    @Override
    public String path() {
      return device.path();
    }

    @Override
    public long sizeBytes() {
      return device.sizeBytes();
    }

    @Override
    public int blockBytes() {
      return device.blockBytes();
    }

    @Override
    public void read(
        long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done) {
      device.read(offsetBytes, target, targetIndex, lengthBytes, done);
    }

    @Override
    public void flush(Completion done) {
      device.flush(done);
    }

    @Override
    public void writeZeroes(
        long offsetBytes, long lengthBytes, boolean mayDiscard, boolean fua, Completion done) {
      device.writeZeroes(offsetBytes, lengthBytes, mayDiscard, fua, done);
    }

    @Override
    public boolean discards() {
      return device.discards();
    }

    @Override
    public void discard(long offsetBytes, long lengthBytes, boolean fua, Completion done) {
      device.discard(offsetBytes, lengthBytes, fua, done);
    }

    @Override
    public void extents(long offsetBytes, long lengthBytes, ExtentsCompletion done) {
      device.extents(offsetBytes, lengthBytes, done);
    }

    @Override
    public void close() {
      device.close();
    }
  }
}
