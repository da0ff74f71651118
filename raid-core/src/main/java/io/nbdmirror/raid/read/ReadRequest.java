package io.nbdmirror.raid.read;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.member.Member;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One read on its way: from one member in sync; when that fails, from the next.
 *
 * <pre>
 *   ask a member ──ok──► answer
 *     ▲       │
 *     │     failed ──► mend it in the background, or first where members may differ (I4)
 *     └───────┘
 * </pre>
 *
 * A member that lags is not asked for what it lacks: the read waits until it has it.
 *
 * <p>Usually all of it comes from one member. It is read in pieces where no member has all of it
 * good, because of bad blocks or of errors that several members have in different places. Reused;
 * used on the array's loop.
 */
final class ReadRequest implements Completion, ReadPath.Mender.Listener, ReadPath.Behind.Reader {
  /** What is read at a time once several members have failed on more than that. */
  private static final int NARROW_BYTES = 4096;

  private final ReadPath path;

  /** Who failed on this piece. */
  private final List<Member> failed = new ArrayList<>(2);

  private long start;
  private long end;
  private long offset;
  private int length;
  private ByteBuf target = Unpooled.EMPTY_BUFFER;
  private int index;
  private boolean ordered;
  private ByteBuf aligned = Unpooled.EMPTY_BUFFER;
  private @Nullable Completion done;
  private @Nullable Member member;
  private @Nullable DeviceException lastFailure;
  private long pieceStart;
  private long pieceEnd;
  private boolean narrow;
  private long startNanos;

  /** The last write behind when the read began: later ones it need not see. */
  private long lastBehind;

  ReadRequest(ReadPath path) {
    this.path = path;
  }

  void start(
      long offsetBytes,
      ByteBuf into,
      int at,
      int lengthBytes,
      boolean holdsRange,
      Completion whenDone) {
    offset = offsetBytes;
    length = lengthBytes;
    target = into;
    index = at;
    ordered = holdsRange;
    done = whenDone;
    narrow = false;
    lastFailure = null;
    lastBehind = path.behind.lastNumber();
    int block = path.blockBytes;
    start = offset / block * block;
    end = (offset + length + block - 1) / block * block;
    if (end - start != length) {
      aligned = freshAligned();
    }
    piece(start);
  }

  private ByteBuf freshAligned() {
    int bytes = (int) (end - start);
    return PooledByteBufAllocator.DEFAULT.directBuffer(bytes, bytes);
  }

  private boolean isDirect() {
    return end - start == length;
  }

  private void piece(long from) {
    pieceStart = from;
    pieceEnd = narrow ? Math.min(end, from + Math.max(NARROW_BYTES, path.blockBytes)) : end;
    failed.clear();
    ask();
  }

  private void ask() {
    Member chosen;
    boolean inDoubt = path.doubt.mayDiffer(start, end);
    if (inDoubt && !ordered && path.turns.waitsForOldBytes(start, end, this::ask)) {
      return;
    }
    if (inDoubt) {
      pieceEnd = path.members.nextBadEdge(pieceStart, pieceEnd);
      chosen = path.members.sourceOf(pieceStart, pieceEnd, failed);
    } else {
      chosen = path.balance.choose(pieceStart, pieceEnd, failed);
      if (chosen == null) {
        long edge = path.members.nextBadEdge(pieceStart, pieceEnd);
        if (edge < pieceEnd) {
          pieceEnd = edge;
          chosen = path.balance.choose(pieceStart, pieceEnd, failed);
        }
      }
    }
    if (path.behind.isLost(pieceStart, pieceEnd)) {
      finish(lost());
    } else if (chosen == null) {
      nobodyLeft();
    } else if (path.behind.lacks(chosen, pieceStart, pieceEnd, lastBehind)) {
      path.behind.whenLess(this);
    } else {
      ask(chosen, inDoubt);
    }
  }

  private void ask(Member chosen, boolean inDoubt) {
    member = chosen;
    startNanos = path.clock.nanoTime();
    chosen.readStarted();
    int at = (int) (pieceStart - start);
    int bytes = (int) (pieceEnd - pieceStart);
    if (!inDoubt) {
      path.probe.clientReads(pieceStart, bytes, startNanos);
    }
    if (isDirect()) {
      chosen.read(pieceStart, target, index + at, bytes, this);
    } else {
      chosen.read(pieceStart, aligned, at, bytes, this);
    }
  }

  /** Each of several has failed somewhere: in small pieces one may be good where another is not. */
  private void nobodyLeft() {
    if (failed.size() > 1 && !narrow && pieceEnd - pieceStart > path.blockBytes) {
      narrow = true;
      piece(pieceStart);
      return;
    }
    DeviceException failure = lastFailure;
    finish(failure != null ? failure : nobodyHasIt());
  }

  /** {@inheritDoc} By now another one may have to be asked. */
  @Override
  public void lessBehind() {
    ask();
  }

  private DeviceException lost() {
    return new DeviceException(
        Errno.EIO,
        "bytes %d to %d of the array were written, and no member that has them is left"
            .formatted(pieceStart, pieceEnd));
  }

  private DeviceException nobodyHasIt() {
    return new DeviceException(
        Errno.EIO,
        path.members.inSync() == 0
            ? "no member is in sync to read from"
            : "bytes %d to %d of the array are bad on every member"
                .formatted(pieceStart, pieceEnd));
  }

  @Override
  public void completed(@Nullable DeviceException failure) {
    Member asked = member;
    assert asked != null : "a read is answered that nobody was asked";
    asked.readEnded();
    if (failure == null && asked.isFaulty()) {
      // Others may have read from another one since: what this one said counts no more (I4).
      piece(start);
    } else if (failure == null) {
      long now = path.clock.nanoTime();
      asked.readLatency().sample(now, now - startNanos, pieceEnd - pieceStart);
      if (pieceEnd < end) {
        piece(pieceEnd);
      } else {
        finish(null);
      }
    } else if (failure.errno() == Errno.ETIMEDOUT) {
      timedOut(failure);
    } else {
      readFailed(asked, failure);
    }
  }

  private void readFailed(Member asked, DeviceException failure) {
    asked.countReadError();
    lastFailure = failure;
    if (path.members.isLastInSync(asked)) {
      // I7: nobody else has it; the error is the client's.
      finish(failure);
    } else if (path.doubt.mayDiffer(start, end)) {
      // Elsewhere in the range it goes on to be read: it must have there what is answered now.
      path.mender.mend(asked, pieceStart, pieceEnd, ordered, this);
    } else {
      failed.add(asked);
      long from = pieceStart;
      long to = pieceEnd;
      // The answer may be the last thing that a stop waits for: it has to wait for this too.
      path.mendingFollows();
      ask();
      path.mender.mendMeanwhile(asked, from, to);
      path.answered();
    }
  }

  /** {@inheritDoc} A member that is as it was might answer the next time, and otherwise (I4). */
  @Override
  public void mended(boolean mended) {
    if (mended) {
      ask();
    } else {
      finish(lastFailure);
    }
  }

  /** The member that hung still holds the buffer: only a fresh one may be asked with. */
  private void timedOut(DeviceException failure) {
    if (isDirect()) {
      finish(failure);
    } else {
      aligned.release();
      aligned = freshAligned();
      lastFailure = failure;
      piece(start);
    }
  }

  private void finish(@Nullable DeviceException failure) {
    if (failure == null && !isDirect()) {
      target.setBytes(index, aligned, (int) (offset - start), length);
    }
    Completion whenDone = done;
    aligned.release();
    aligned = Unpooled.EMPTY_BUFFER;
    target = Unpooled.EMPTY_BUFFER;
    failed.clear();
    done = null;
    member = null;
    lastFailure = null;
    ReadPath shared = path;
    shared.ended(this);
    assert whenDone != null : "a read is answered twice";
    whenDone.completed(failure);
    shared.answered();
  }
}
