package io.nbdmirror.raid.resync;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.read.ReadPath;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Copies a window's range piece by piece, where copying it as a whole met an error or a bad block.
 * Each piece is read as a client would read it, from whoever has it. What nobody has is recorded as
 * bad on the targets: they will lack it (raid1.c, {@code fix_sync_read_error}). What a target does
 * not take is recorded as bad on it; too much of that fails it. Used on the array's loop, once.
 */
final class PatientCopy {
  /** Told how it ended. */
  @FunctionalInterface
  interface Listener {
    /**
     * The range is done with.
     *
     * @param bytesWritten what it wrote to members
     * @param complete false when there was nobody left to copy from
     */
    void copied(long bytesWritten, boolean complete);
  }

  private static final int PIECE_BYTES = 4096;

  /** Pieces that targets may fail to take before they are taken for broken. */
  private static final int MAX_FAILING = 8;

  private final Members members;
  private final ArrayHealth health;
  private final ReadPath reads;
  private final long end;
  private final Predicate<Member> isTarget;
  private final Listener done;
  private final int pieceBytes;
  private ByteBuf buffer;
  private long at;
  private int length;
  private int pending;
  private int failing;
  private long bytesWritten;

  private PatientCopy(
      Members members,
      ArrayHealth health,
      ReadPath reads,
      long start,
      long end,
      Predicate<Member> isTarget,
      Listener done) {
    this.members = members;
    this.health = health;
    this.reads = reads;
    this.end = end;
    this.isTarget = isTarget;
    this.done = done;
    pieceBytes = Math.max(PIECE_BYTES, members.blockBytes());
    at = start;
    buffer = PooledByteBufAllocator.DEFAULT.directBuffer(pieceBytes, pieceBytes);
  }

  /** Copies; the caller holds the range in the order of writes. */
  static void copy(
      Members members,
      ArrayHealth health,
      ReadPath reads,
      long start,
      long end,
      Predicate<Member> isTarget,
      Listener done) {
    new PatientCopy(members, health, reads, start, end, isTarget, done).next();
  }

  private void next() {
    if (at >= end || members.inSync() == 0 || health.broken() != null) {
      buffer.release();
      done.copied(bytesWritten, at >= end);
      return;
    }
    length = (int) Math.min(pieceBytes - at % pieceBytes, end - at);
    read();
  }

  private void read() {
    reads.readOrdered(at, buffer, 0, length, this::wasRead);
  }

  private void wasRead(@Nullable DeviceException failure) {
    if (failure == null) {
      writeTargets();
    } else if (failure.errno() == Errno.ETIMEDOUT) {
      buffer.release();
      buffer = PooledByteBufAllocator.DEFAULT.directBuffer(pieceBytes, pieceBytes);
      read();
    } else {
      for (Member target : members.all()) {
        if (!target.isInSync() && isTarget.test(target)) {
          health.badBlocks().record(target, at, at + length, failure);
        }
      }
      goOn();
    }
  }

  private void writeTargets() {
    pending = 1;
    for (Member target : members.all()) {
      if (isTarget.test(target)) {
        pending++;
        bytesWritten += length;
        target.write(at, buffer, 0, length, false, failure -> targetDone(target, failure));
      }
    }
    oneDone();
  }

  private void targetDone(Member target, @Nullable DeviceException failure) {
    if (failure == null) {
      health.badBlocks().written(target, at, at + length);
    } else {
      target.countWriteError();
      if (++failing > MAX_FAILING || !isMedium(failure)) {
        health.fail(target, failure);
      } else {
        health.badBlocks().record(target, at, at + length, failure);
      }
    }
    oneDone();
  }

  /** Only an error of some blocks; not one of the whole device, or of space. */
  private static boolean isMedium(DeviceException failure) {
    return failure.errno() == Errno.EIO;
  }

  private void oneDone() {
    if (--pending == 0) {
      goOn();
    }
  }

  private void goOn() {
    at += length;
    next();
  }
}
