package io.nbdmirror.raid.mend;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.read.ReadPath;
import io.nbdmirror.raid.write.OrderedRange;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Mends a range that one member could not read (raid1.c, {@code fix_read_error}), piece by piece,
 * while no write gets in between (I11).
 *
 * <pre>
 *   read it ──ok──────────────────────────────────────────► next piece
 *      │                                        ▲
 *    failed ──► read another ──► write it ──► read it again: corrected
 *                    │               │          │
 *                 nobody has it    failed ──────┴──► in the bad-block log, or the member is out
 * </pre>
 *
 * Used on the array's loop, once.
 */
final class RangeMending extends OrderedRange {
  private static final Logger log = LoggerFactory.getLogger(RangeMending.class);
  private static final int PIECE_BYTES = 4096;

  private final ReadErrorMending all;
  private final Members members;
  private final Member member;
  private final boolean ordered;
  private final ReadPath.Mender.Listener done;
  private final int pieceBytes;
  private final List<Member> asked = new ArrayList<>();
  private ByteBuf good;
  private ByteBuf again;
  private long at;
  private int length;
  private boolean whole = true;

  RangeMending(
      ReadErrorMending all,
      Member member,
      long startBytes,
      long endBytes,
      boolean ordered,
      ReadPath.Mender.Listener done) {
    this.all = all;
    this.member = member;
    this.ordered = ordered;
    this.done = done;
    members = all.members;
    setRange(startBytes, endBytes);
    at = startBytes;
    pieceBytes = Math.max(PIECE_BYTES, members.blockBytes());
    good = fresh();
    again = fresh();
  }

  private ByteBuf fresh() {
    return PooledByteBufAllocator.DEFAULT
        .directBuffer(pieceBytes, pieceBytes)
        .writerIndex(pieceBytes);
  }

  boolean covers(Member other, long startBytes, long endBytes) {
    return member.equals(other) && startBytes() <= startBytes && endBytes <= endBytes();
  }

  void start() {
    if (ordered || all.order.acquire(this)) {
      granted();
    }
  }

  @Override
  protected void granted() {
    next();
  }

  private void next() {
    if (at >= endBytes() || !member.isInSync() || all.health.broken() != null) {
      end();
      return;
    }
    length = (int) Math.min(pieceBytes - at % pieceBytes, endBytes() - at);
    if (member.isBad(at, at + length)) {
      // Known already: it is not read there.
      goOn();
      return;
    }
    member.read(
        at,
        again,
        0,
        length,
        failure -> {
          if (failure == null) {
            goOn();
          } else if (isUsable(failure)) {
            asked.clear();
            asked.add(member);
            askAnother();
          }
        });
  }

  private void goOn() {
    at += length;
    next();
  }

  /** A member that hangs is out; it may still scribble on the buffer, which is not used again. */
  private boolean isUsable(DeviceException failure) {
    if (failure.errno() != Errno.ETIMEDOUT) {
      return true;
    }
    good.release();
    again.release();
    good = fresh();
    again = fresh();
    next();
    return false;
  }

  private void askAnother() {
    Member other = members.sourceOf(at, at + length, asked);
    if (other == null) {
      // Nothing to mend it with; the next reader meets the same error.
      whole = false;
      goOn();
      return;
    }
    asked.add(other);
    other.read(
        at,
        good,
        0,
        length,
        failure -> {
          if (failure == null) {
            rewrite();
          } else if (isUsable(failure)) {
            askAnother();
          }
        });
  }

  private void rewrite() {
    if (!member.isInSync()) {
      next();
      return;
    }
    // What every member has there already: it needs no bit (I1), as in md.
    member.write(at, good, 0, length, false, ifStillThere(this::readAgain));
  }

  private void readAgain(@Nullable DeviceException writeFailure) {
    if (!member.isInSync()) {
      // It failed meanwhile: nobody asks it any more (I4).
      next();
    } else if (writeFailure != null) {
      member.countWriteError();
      isBad(writeFailure);
    } else {
      member.read(at, again, 0, length, ifStillThere(this::compare));
    }
  }

  private void compare(@Nullable DeviceException readFailure) {
    if (!member.isInSync()) {
      next();
    } else if (readFailure != null) {
      isBad(readFailure);
    } else if (!ByteBufUtil.equals(good, 0, again, 0, length)) {
      isBad(
          DeviceException.of(
              "mend", member.path(), at, length, Errno.EIO, "it reads otherwise than written"));
    } else {
      member.countCorrectedRead();
      log.warn(
          "{}: {} bytes at offset {} of the array could not be read, were written anew and can be"
              + " read now",
          member.path(),
          length,
          at);
      goOn();
    }
  }

  private void isBad(DeviceException failure) {
    all.health.badBlocks().record(member, at, at + length, failure);
    goOn();
  }

  private Completion ifStillThere(Completion then) {
    return failure -> {
      if (failure == null || isUsable(failure)) {
        then.completed(failure);
      }
    };
  }

  private void end() {
    good.release();
    again.release();
    if (!ordered) {
      all.order.release(this);
    }
    // What was recorded of it is durable before anybody relies on it (I3).
    all.health
        .updates()
        .whenSettled(() -> {
          done.mended(whole);
          all.ended(this);
        });
  }
}
