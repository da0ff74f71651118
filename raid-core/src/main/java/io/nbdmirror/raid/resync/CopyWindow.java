package io.nbdmirror.raid.resync;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Extent;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.read.ReadPath;
import io.nbdmirror.raid.write.WriteOrder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A window of a resync or recovery: copies what is data on the source, and punches out of each
 * target what is a hole there and is not one yet. After an error, and where there are bad blocks,
 * {@link PatientCopy} does it instead.
 */
final class CopyWindow extends Window {
  private final Members members;
  private final ArrayHealth health;
  private final ReadPath reads;
  private final SyncJob job;
  private ByteBuf buffer = Unpooled.EMPTY_BUFFER;
  private boolean allData;
  private int pending;
  private long bytesWritten;
  private boolean failed;
  private boolean sourceGone;
  private long failuresBefore;

  CopyWindow(
      Members members,
      WriteOrder order,
      ArrayHealth health,
      ReadPath reads,
      SyncJob job,
      Listener listener) {
    super(order, listener);
    this.members = members;
    this.health = health;
    this.reads = reads;
    this.job = job;
  }

  @Override
  void prepare(WindowRange range) {
    allData = range.allData();
    bytesWritten = 0;
  }

  @Override
  protected void granted() {
    fromSource();
  }

  @Override
  protected boolean mayBringOldBytes() {
    return failuresBefore != health.memberFailures();
  }

  private void fromSource() {
    Member chosen = job.source();
    failed = false;
    sourceGone = false;
    failuresBefore = health.memberFailures();
    // One that hung may still write to the last buffer: each attempt has its own.
    buffer.release();
    buffer = Unpooled.EMPTY_BUFFER;
    if (chosen == null || health.broken() != null) {
      finish(false);
      return;
    }
    if (anyBad()) {
      patiently();
      return;
    }
    // One more than there are parts, so that inline completions do not end the window early.
    pending = 1;
    if (allData) {
      copyData(chosen, startBytes(), endBytes());
      partDone();
    } else {
      chosen.extents(
          startBytes(), lengthBytes(), (extents, failure) -> copyExtents(chosen, extents, failure));
    }
  }

  private void copyExtents(
      Member from, List<Extent> extents, @Nullable DeviceException listFailure) {
    if (!isStillSource(from)) {
      partDone();
      return;
    }
    long done = startBytes();
    List<Extent> data =
        listFailure == null
            ? DataRuns.of(extents, from.dataOffsetBytes(), members.blockBytes())
            : List.of(new Extent(startBytes(), lengthBytes(), false));
    for (Extent run : data) {
      long start = Math.max(run.offsetBytes(), startBytes());
      long end = Math.min(run.endBytes(), endBytes());
      punch(from, done, start);
      copyData(from, start, end);
      done = end;
    }
    punch(from, done, endBytes());
    partDone();
  }

  private void copyData(Member from, long start, long end) {
    if (buffer.capacity() == 0) {
      buffer = PooledByteBufAllocator.DEFAULT.directBuffer(MAX_BYTES, MAX_BYTES);
    }
    int index = (int) (start - startBytes());
    int length = (int) (end - start);
    pending++;
    from.read(
        start,
        buffer,
        index,
        length,
        failure -> {
          if (failure != null) {
            failed = true;
          } else if (isStillSource(from)) {
            writeTargets(from, start, index, length);
          }
          partDone();
        });
  }

  /** Another request may have failed it meanwhile: then nothing it said counts (I4). */
  private boolean isStillSource(Member from) {
    sourceGone |= !from.isInSync();
    return !sourceGone;
  }

  private void writeTargets(Member from, long start, int index, int length) {
    for (Member target : members.all()) {
      if (isTarget(target, from)) {
        pending++;
        bytesWritten += length;
        target.write(start, buffer, index, length, false, this::targetDone);
      }
    }
  }

  /** The range is a hole on the source: whatever is data there on a target goes. */
  private void punch(Member from, long start, long end) {
    if (start >= end || !isStillSource(from)) {
      return;
    }
    for (Member target : members.all()) {
      if (isTarget(target, from)) {
        pending++;
        target.extents(
            start,
            end - start,
            (extents, failure) -> {
              punchData(target, start, end, failure == null ? extents : null);
              partDone();
            });
      }
    }
  }

  private void punchData(Member target, long start, long end, @Nullable List<Extent> extents) {
    if (extents == null) {
      zero(target, start, end);
      return;
    }
    for (Extent run : DataRuns.of(extents, target.dataOffsetBytes(), members.blockBytes())) {
      zero(target, Math.max(run.offsetBytes(), start), Math.min(run.endBytes(), end));
    }
  }

  private void zero(Member target, long start, long end) {
    pending++;
    bytesWritten += end - start;
    target.writeZeroes(start, end - start, true, false, this::targetDone);
  }

  private boolean isTarget(Member member, Member from) {
    return !member.equals(from) && job.isTarget(member);
  }

  private void targetDone(@Nullable DeviceException failure) {
    failed |= failure != null;
    partDone();
  }

  private void partDone() {
    if (--pending > 0) {
      return;
    }
    allData = false;
    if (failed) {
      patiently();
    } else if (sourceGone) {
      fromSource();
    } else {
      finish(true);
    }
  }

  /** Whether a member has bad blocks in the range, to be left alone or to be written anew. */
  private boolean anyBad() {
    for (Member member : members.all()) {
      if (member.isWritable() && member.isBad(startBytes(), endBytes())) {
        return true;
      }
    }
    return false;
  }

  /** Copying it as a whole does not do; whoever failed on it may be mended, or be out. */
  private void patiently() {
    PatientCopy.copy(
        members,
        health,
        reads,
        startBytes(),
        endBytes(),
        job::isTarget,
        (bytes, complete) -> {
          bytesWritten += bytes;
          finish(complete);
        });
  }

  private void finish(boolean complete) {
    buffer.release();
    buffer = Unpooled.EMPTY_BUFFER;
    end(bytesWritten, complete);
  }
}
