package io.nbdmirror.nbd.listen;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.io.Scheduler;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;

/**
 * A member that, when told to, keeps writes of data waiting and then does them the last first: what
 * nothing but their order in the queue keeps apart ends up the wrong way round.
 */
final class HeldDevice implements BlockDevice {
  private final BlockDevice device;
  private final long dataOffset;
  private final Scheduler loop;
  private final List<Runnable> held = new ArrayList<>();

  /** For the loop to read and for tests to set. */
  volatile boolean holding;

  volatile int waiting;

  HeldDevice(BlockDevice device, long dataOffset, Scheduler loop) {
    this.device = device;
    this.dataOffset = dataOffset;
    this.loop = loop;
  }

  /** Does what was held and holds nothing more. */
  void release() {
    holding = false;
    loop.execute(() -> {
      List<Runnable> now = List.copyOf(held).reversed();
      held.clear();
      waiting = 0;
      now.forEach(Runnable::run);
    });
  }

  @Override
  public void write(
      long offset, ByteBuf source, int index, int length, boolean fua, Completion done) {
    Runnable write = () -> device.write(offset, source, index, length, fua, done);
    if (holding && offset >= dataOffset) {
      held.add(write);
      waiting = held.size();
    } else {
      write.run();
    }
  }

  @Override
  public void read(long offset, ByteBuf target, int index, int length, Completion done) {
    device.read(offset, target, index, length, done);
  }

  @Override
  public void flush(Completion done) {
    device.flush(done);
  }

  @Override
  public void writeZeroes(
      long offset, long length, boolean mayDiscard, boolean fua, Completion done) {
    device.writeZeroes(offset, length, mayDiscard, fua, done);
  }

  @Override
  public boolean discards() {
    return device.discards();
  }

  @Override
  public void discard(long offset, long length, boolean fua, Completion done) {
    device.discard(offset, length, fua, done);
  }

  @Override
  public void extents(long offset, long length, ExtentsCompletion done) {
    device.extents(offset, length, done);
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
  public void close() {
    device.close();
  }
}
