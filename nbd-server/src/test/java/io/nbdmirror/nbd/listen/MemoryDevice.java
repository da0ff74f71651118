package io.nbdmirror.nbd.listen;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.io.Scheduler;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Bytes in memory; can be told to keep requests waiting, to be slow, or to fail. */
final class MemoryDevice implements BlockDevice {
  private final byte[] bytes;
  private final Scheduler loop;
  private final List<Runnable> held = new ArrayList<>();

  /** All of what follows is for the loop to read and for tests to set. */
  volatile boolean holding;

  volatile boolean later;
  volatile boolean failing;
  final AtomicInteger flushes = new AtomicInteger();
  final AtomicInteger synchronousWrites = new AtomicInteger();
  volatile int waiting;

  MemoryDevice(int sizeBytes, Scheduler loop) {
    bytes = new byte[sizeBytes];
    this.loop = loop;
  }

  byte[] snapshot() {
    return bytes.clone();
  }

  /** Lets go of what was held. */
  void release() {
    holding = false;
    loop.execute(() -> {
      List<Runnable> now = List.copyOf(held);
      held.clear();
      waiting = 0;
      now.forEach(Runnable::run);
    });
  }

  private void run(Completion done, Runnable effect) {
    if (!loop.inLoop()) {
      throw new AssertionError("called outside its loop");
    }
    Runnable all =
        () -> {
          if (failing) {
            done.completed(new DeviceException(Errno.EIO, "told to fail"));
          } else {
            effect.run();
            done.completed(null);
          }
        };
    if (holding) {
      held.add(all);
      waiting = held.size();
    } else if (later) {
      loop.execute(all);
    } else {
      all.run();
    }
  }

  @Override
  public void read(long offset, ByteBuf target, int index, int length, Completion done) {
    run(done, () -> target.setBytes(index, bytes, (int) offset, length));
  }

  @Override
  public void write(
      long offset, ByteBuf source, int index, int length, boolean fua, Completion done) {
    synchronousWrites.addAndGet(fua ? 1 : 0);
    run(done, () -> source.getBytes(index, bytes, (int) offset, length));
  }

  @Override
  public void flush(Completion done) {
    run(done, flushes::incrementAndGet);
  }

  @Override
  public void writeZeroes(
      long offset, long length, boolean mayDiscard, boolean fua, Completion done) {
    run(done, () -> Arrays.fill(bytes, (int) offset, (int) (offset + length), (byte) 0));
  }

  @Override
  public void discard(long offset, long length, boolean fua, Completion done) {
    writeZeroes(offset, length, true, fua, done);
  }

  @Override
  public void extents(long offset, long length, ExtentsCompletion done) {
    done.completed(List.of(new Extent(offset, length, false)), null);
  }

  @Override
  public String path() {
    return "memory";
  }

  @Override
  public long sizeBytes() {
    return bytes.length;
  }

  @Override
  public int blockBytes() {
    return 1;
  }

  @Override
  public boolean discards() {
    return true;
  }

  @Override
  public void close() {
    held.clear();
  }
}
