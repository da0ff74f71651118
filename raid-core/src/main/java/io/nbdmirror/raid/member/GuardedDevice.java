package io.nbdmirror.raid.member;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.ExtentsCompletion;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A member's device, from which one can walk away: when it hangs, {@link #abandon} answers every
 * outstanding request with {@link Errno#ETIMEDOUT} at once, and whatever the device says about them
 * later is swallowed.
 *
 * <p>The device below may still read or write the buffer of a request that was answered so: the
 * buffer is retained until it came back. A write's buffer may be given up by its owner as ever. A
 * read's target must be taken for scribbled over: whoever asks again takes a fresh one. Until all
 * have come back, new requests are answered with ETIMEDOUT too, and {@link #close} waits.
 *
 * <p>Age is counted in {@linkplain #tick ticks}, not by the clock: a loop that stood still for a
 * minute, the machine suspended maybe, says nothing about a disk. Used on the array's loop;
 * allocates nothing once it has had its most requests in flight.
 */
public final class GuardedDevice implements BlockDevice {
  private final BlockDevice device;
  private final ArrayDeque<GuardedRequest> free = new ArrayDeque<>();
  private @Nullable GuardedRequest oldest;
  private @Nullable GuardedRequest newest;
  private long tick;
  private int abandoned;
  private boolean closing;

  public GuardedDevice(BlockDevice device) {
    this.device = device;
  }

  /** Time passes: everything outstanding grows one tick older. */
  public void tick() {
    tick++;
  }

  /** How many ticks the oldest outstanding request has waited; 0 when there is none. */
  public long oldestTicks() {
    GuardedRequest first = oldest;
    return first == null ? 0 : tick - first.startTick;
  }

  /** Whether the device still holds requests that were answered for it. */
  public boolean hasAbandonedIo() {
    return abandoned > 0;
  }

  /** Answers every outstanding request; they need not, and may never, come back. */
  public void abandon(DeviceException why) {
    for (GuardedRequest request = oldest; request != null; request = oldest) {
      unlink(request);
      abandoned++;
      request.abandon(why);
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
  public long refreshSize() throws DeviceException {
    return device.refreshSize();
  }

  @Override
  public int blockBytes() {
    return device.blockBytes();
  }

  @Override
  public boolean discards() {
    return device.discards();
  }

  @Override
  public void read(
      long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done) {
    if (abandoned > 0) {
      done.completed(hangs());
    } else {
      device.read(offsetBytes, target, targetIndex, lengthBytes, begin().with(target, done));
    }
  }

  @Override
  public void write(
      long offsetBytes,
      ByteBuf source,
      int sourceIndex,
      int lengthBytes,
      boolean fua,
      Completion done) {
    if (abandoned > 0) {
      done.completed(hangs());
    } else {
      device.write(offsetBytes, source, sourceIndex, lengthBytes, fua, begin().with(source, done));
    }
  }

  @Override
  public void flush(Completion done) {
    if (abandoned > 0) {
      done.completed(hangs());
    } else {
      device.flush(begin().with(Unpooled.EMPTY_BUFFER, done));
    }
  }

  @Override
  public void writeZeroes(
      long offsetBytes, long lengthBytes, boolean mayDiscard, boolean fua, Completion done) {
    if (abandoned > 0) {
      done.completed(hangs());
    } else {
      GuardedRequest request = begin().with(Unpooled.EMPTY_BUFFER, done);
      device.writeZeroes(offsetBytes, lengthBytes, mayDiscard, fua, request);
    }
  }

  @Override
  public void discard(long offsetBytes, long lengthBytes, boolean fua, Completion done) {
    if (abandoned > 0) {
      done.completed(hangs());
    } else {
      device.discard(offsetBytes, lengthBytes, fua, begin().with(Unpooled.EMPTY_BUFFER, done));
    }
  }

  @Override
  public void extents(long offsetBytes, long lengthBytes, ExtentsCompletion done) {
    extents(offsetBytes, lengthBytes, Integer.MAX_VALUE, done);
  }

  @Override
  public void extents(long offsetBytes, long lengthBytes, int maxExtents, ExtentsCompletion done) {
    if (abandoned > 0) {
      done.completed(List.of(), hangs());
    } else {
      device.extents(offsetBytes, lengthBytes, maxExtents, begin().with(done));
    }
  }

  @Override
  public void readAhead(long offsetBytes, long lengthBytes, Completion done) {
    if (abandoned > 0) {
      done.completed(hangs());
    } else {
      device.readAhead(offsetBytes, lengthBytes, begin().with(Unpooled.EMPTY_BUFFER, done));
    }
  }

  /** {@inheritDoc} While it holds requests, abandoned or not, only once the last one came back. */
  @Override
  public void close() {
    closing = true;
    closeWhenIdle();
  }

  private void closeWhenIdle() {
    if (closing && abandoned == 0 && oldest == null) {
      closing = false;
      device.close();
    }
  }

  private DeviceException hangs() {
    return new DeviceException(
        Errno.ETIMEDOUT,
        "%s still hangs on %d requests that were given up".formatted(path(), abandoned));
  }

  private GuardedRequest begin() {
    GuardedRequest pooled = free.poll();
    GuardedRequest request = pooled == null ? new GuardedRequest(this) : pooled;
    request.startTick = tick;
    request.older = newest;
    if (newest == null) {
      oldest = request;
    } else {
      newest.newer = request;
    }
    newest = request;
    return request;
  }

  void answered(GuardedRequest request) {
    unlink(request);
    free.push(request);
    closeWhenIdle();
  }

  void cameBack(GuardedRequest request) {
    free.push(request);
    abandoned--;
    closeWhenIdle();
  }

  private void unlink(GuardedRequest request) {
    GuardedRequest before = request.older;
    GuardedRequest after = request.newer;
    if (before == null) {
      oldest = after;
    } else {
      before.newer = after;
    }
    if (after == null) {
      newest = before;
    } else {
      after.older = before;
    }
    request.older = null;
    request.newer = null;
  }
}
