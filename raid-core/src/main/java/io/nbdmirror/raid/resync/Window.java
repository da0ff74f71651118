package io.nbdmirror.raid.resync;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Extent;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.write.OrderedRange;
import io.nbdmirror.raid.write.WriteOrder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One window of a resync or recovery: holds its range, so that no write gets in between (I11),
 * lists the source's extents, copies what is data and punches out of the targets what is a hole,
 * then lets the range go. When the source fails the whole window starts over from the next one.
 * Reused.
 */
final class Window extends OrderedRange {
  /** Told that the window is free again. */
  @FunctionalInterface
  interface Listener {
    /**
     * Takes the window back.
     *
     * @param bytesWritten what it wrote to members
     * @param complete false when there was no source left to copy from
     */
    void windowDone(Window window, long bytesWritten, boolean complete);
  }

  private final Members members;
  private final WriteOrder order;
  private final ArrayHealth health;
  private final Listener listener;
  private ByteBuf buffer = Unpooled.EMPTY_BUFFER;
  private @Nullable SyncJob job;
  private @Nullable Member source;
  private int pending;
  private long bytesWritten;
  private @Nullable DeviceException sourceFailure;

  Window(Members members, WriteOrder order, ArrayHealth health, Listener listener) {
    this.members = members;
    this.order = order;
    this.health = health;
    this.listener = listener;
  }

  void copy(SpanExtents.Range range, SyncJob forJob) {
    job = forJob;
    setRange(range.startBytes(), range.endBytes());
    bytesWritten = 0;
    if (order.acquire(this)) {
      granted();
    }
  }

  @Override
  protected void granted() {
    fromSource();
  }

  private void fromSource() {
    SyncJob running = job;
    Member chosen = running == null ? null : running.source();
    source = chosen;
    sourceFailure = null;
    if (chosen == null || health.broken() != null) {
      end(false);
      return;
    }
    chosen.extents(
        startBytes(),
        endBytes() - startBytes(),
        (extents, failure) -> copyExtents(chosen, extents, failure));
  }

  private void copyExtents(
      Member from, List<Extent> extents, @Nullable DeviceException listFailure) {
    if (buffer.capacity() == 0) {
      buffer = PooledByteBufAllocator.DEFAULT.directBuffer(SyncEngine.WINDOW_BYTES);
    }
    // One more than there are parts, so that inline completions do not end the window early.
    pending = 1;
    if (listFailure != null) {
      copyData(from, startBytes(), endBytes());
    }
    for (Extent extent : extents) {
      long start = extent.offsetBytes() - from.dataOffsetBytes();
      if (extent.hole()) {
        punch(from, start, extent.lengthBytes());
      } else {
        copyData(from, start, start + extent.lengthBytes());
      }
    }
    partDone();
  }

  private void copyData(Member from, long start, long end) {
    int index = (int) (start - startBytes());
    int length = (int) (end - start);
    pending++;
    from.read(
        start,
        buffer,
        index,
        length,
        failure -> {
          if (failure == null) {
            writeTargets(from, start, index, length);
          } else {
            sourceFailure = failure;
          }
          partDone();
        });
  }

  private void writeTargets(Member from, long start, int index, int length) {
    for (Member target : members.all()) {
      if (isTarget(target, from)) {
        pending++;
        bytesWritten += length;
        target.write(start, buffer, index, length, false, f -> targetDone(target, f));
      }
    }
  }

  private void punch(Member from, long start, long length) {
    for (Member target : members.all()) {
      if (isTarget(target, from)) {
        pending++;
        bytesWritten += length;
        target.writeZeroes(start, length, true, false, f -> targetDone(target, f));
      }
    }
  }

  private boolean isTarget(Member member, Member from) {
    return !member.equals(from) && job != null && job.isTarget(member);
  }

  private void targetDone(Member target, @Nullable DeviceException failure) {
    if (failure != null) {
      health.writeFailed(target, failure);
    }
    partDone();
  }

  private void partDone() {
    if (--pending > 0) {
      return;
    }
    if (sourceFailure != null && source != null && health.readFailed(source, sourceFailure)) {
      fromSource();
      return;
    }
    end(sourceFailure == null);
  }

  private void end(boolean complete) {
    buffer.release();
    buffer = Unpooled.EMPTY_BUFFER;
    source = null;
    job = null;
    order.release(this);
    listener.windowDone(this, bytesWritten, complete);
  }
}
