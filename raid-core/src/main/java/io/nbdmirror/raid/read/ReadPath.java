package io.nbdmirror.raid.read;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.event.InFlight;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Reads from one member in sync: from the one that resync copies from where members may differ,
 * else from the least loaded (I4). When it fails the next one is asked. Requests are reused. Used
 * on the array's loop.
 */
public final class ReadPath {
  /** Where members may differ from one another. */
  @FunctionalInterface
  public interface Doubt {
    boolean mayDiffer(long startBytes, long endBytes);
  }

  private final Members members;
  private final ArrayHealth health;
  private final Doubt doubt;
  private final int blockBytes;
  private final InFlight inFlight;
  private final ArrayDeque<ReadRequest> free = new ArrayDeque<>();

  public ReadPath(Members members, ArrayHealth health, Doubt doubt, InFlight inFlight) {
    this.inFlight = inFlight;
    this.members = members;
    this.health = health;
    this.doubt = doubt;
    blockBytes = members.blockBytes();
  }

  /** Reads into {@code target} from {@code index} on; needs no alignment. */
  public void read(long offsetBytes, ByteBuf target, int index, int lengthBytes, Completion done) {
    inFlight.start();
    ReadRequest request = free.poll();
    (request == null ? new ReadRequest() : request)
        .start(offsetBytes, target, index, lengthBytes, done);
  }

  private final class ReadRequest implements Completion {
    private long start;
    private int alignedLength;
    private long offset;
    private int length;
    private ByteBuf target = Unpooled.EMPTY_BUFFER;
    private int index;
    private ByteBuf aligned = Unpooled.EMPTY_BUFFER;
    private @Nullable Completion done;
    private @Nullable Member member;

    void start(long offsetBytes, ByteBuf into, int at, int lengthBytes, Completion whenDone) {
      offset = offsetBytes;
      length = lengthBytes;
      target = into;
      index = at;
      done = whenDone;
      start = offset / blockBytes * blockBytes;
      long end = (offset + length + blockBytes - 1) / blockBytes * blockBytes;
      alignedLength = (int) (end - start);
      if (alignedLength != length) {
        aligned = PooledByteBufAllocator.DEFAULT.directBuffer(alignedLength, alignedLength);
      }
      ask(null);
    }

    private void ask(@Nullable DeviceException lastFailure) {
      Member chosen =
          doubt.mayDiffer(start, start + alignedLength) ? members.source() : members.leastLoaded();
      if (chosen == null) {
        finish(
            lastFailure != null
                ? lastFailure
                : new DeviceException(Errno.EIO, "no member is in sync to read from"));
        return;
      }
      member = chosen;
      chosen.readStarted();
      if (alignedLength == length) {
        chosen.read(start, target, index, length, this);
      } else {
        chosen.read(start, aligned, 0, alignedLength, this);
      }
    }

    @Override
    public void completed(@Nullable DeviceException failure) {
      Member asked = member;
      assert asked != null : "a read is answered that nobody was asked";
      asked.readEnded();
      if (failure != null && failure.errno() == Errno.ETIMEDOUT) {
        timedOut(failure);
        return;
      }
      if (failure != null && health.readFailed(asked, failure)) {
        ask(failure);
        return;
      }
      if (failure == null && alignedLength != length) {
        target.setBytes(index, aligned, (int) (offset - start), length);
      }
      finish(failure);
    }

    /** The member that hung still holds the buffer: only a fresh one may be asked with. */
    private void timedOut(DeviceException failure) {
      if (alignedLength == length) {
        finish(failure);
      } else {
        aligned.release();
        aligned = PooledByteBufAllocator.DEFAULT.directBuffer(alignedLength, alignedLength);
        ask(failure);
      }
    }

    private void finish(@Nullable DeviceException failure) {
      Completion whenDone = done;
      aligned.release();
      aligned = Unpooled.EMPTY_BUFFER;
      target = Unpooled.EMPTY_BUFFER;
      done = null;
      member = null;
      free.push(this);
      assert whenDone != null : "a read is answered twice";
      whenDone.completed(failure);
      inFlight.end();
    }
  }
}
