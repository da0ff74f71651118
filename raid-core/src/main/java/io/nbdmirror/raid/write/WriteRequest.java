package io.nbdmirror.raid.write;

import io.nbdmirror.bitmap.BitmapWrite;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.event.SuperblockUpdates;
import io.nbdmirror.raid.member.Member;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/**
 * One request that changes data, on its way (DESIGN: a write's life, steps 2 to 7).
 *
 * <pre>
 *   ORDER ──► EDGES ──► ACTIVE ──► BITMAP ──► RECORDED ──► MEMBERS ──► REPLY
 *   earlier   blocks    array      bits       failures     all have    failures
 *   overlaps  only      active     durable    recorded     answered    recorded
 *   done      partly    (I8)       (I1)       (I3, I6)                 (I3)
 *   (I11)     covered
 * </pre>
 *
 * A request that may {@linkplain WritesBehind go on behind} is answered in step MEMBERS already,
 * when those that do not lag have it; for the array it is in flight until the last one has it.
 *
 * <p>Blocks that the request covers only in part are read first and written whole, so that all
 * members get the same bytes. Reused; used on the array's loop.
 */
final class WriteRequest extends OrderedRange
    implements BitmapWrite, SuperblockUpdates.Waiter, BitmapGate.Waiter {
  private enum Step {
    ORDER,
    EDGES,
    ACTIVE,
    BITMAP,
    RECORDED,
    MEMBERS,
    REPLY
  }

  /** What it does to its range. */
  enum Kind {
    DATA,
    ZEROES,
    DISCARD
  }

  private final WritePath path;
  private final MemberWrites members;
  private final EdgeBlocks edges;

  private final Lag lag = new Lag(this);

  private Step step = Step.ORDER;
  private Kind kind = Kind.DATA;
  private long offset;
  private long length;
  private ByteBuf source = Unpooled.EMPTY_BUFFER;
  private int sourceIndex;
  private boolean mayDiscard;
  private boolean fua;
  private @Nullable Completion done;
  private @Nullable DeviceException failure;
  private boolean bitsSet;

  /** Members are the same although it failed. */
  private boolean same;

  private long failuresBeforeEdges;
  private int pending;

  /** How many of {@code pending} the client's answer waits for. */
  private int pendingAhead;

  /** Those who are waited for have it; a failure must be recorded before the client hears of it. */
  private boolean settling;

  WriteRequest(WritePath path) {
    this.path = path;
    members = new MemberWrites(path, this);
    edges = new EdgeBlocks(path.reads, path.blockBytes, this::edgesRead);
  }

  void startData(
      long at, ByteBuf bytes, int index, int byteCount, boolean synchronous, Completion whenDone) {
    source = bytes;
    sourceIndex = index;
    start(Kind.DATA, at, byteCount, synchronous, whenDone);
  }

  void startZeroes(
      long at, long byteCount, boolean discard, boolean synchronous, Completion whenDone) {
    mayDiscard = discard;
    start(Kind.ZEROES, at, byteCount, synchronous, whenDone);
  }

  void startDiscard(long at, long byteCount, boolean synchronous, Completion whenDone) {
    start(Kind.DISCARD, at, byteCount, synchronous, whenDone);
  }

  private void start(Kind what, long at, long byteCount, boolean synchronous, Completion whenDone) {
    kind = what;
    offset = at;
    length = byteCount;
    fua = synchronous;
    done = whenDone;
    failure = null;
    bitsSet = false;
    same = false;
    step = Step.ORDER;
    int block = path.blockBytes;
    setRange(at / block * block, (at + byteCount + block - 1) / block * block);
    if (path.order.acquire(this)) {
      granted();
    }
  }

  @Override
  protected void granted() {
    assert step == Step.ORDER : "granted in step " + step;
    step = Step.EDGES;
    if (edges.isNeeded(startBytes(), endBytes(), offset, length)) {
      readEdges();
    } else {
      goOn();
    }
  }

  private void readEdges() {
    failuresBeforeEdges = path.health.memberFailures();
    edges.read();
  }

  /**
   * The member that the edges were read from may be out by now. Where members differ its bytes must
   * not come back, once others were read (I4).
   */
  private boolean areEdgesOld() {
    return (edges.hasHead() || edges.hasTail())
        && failuresBeforeEdges != path.health.memberFailures();
  }

  @Override
  protected boolean mayBringOldBytes() {
    return step == Step.MEMBERS && areEdgesOld();
  }

  private void edgesRead(@Nullable DeviceException readFailure) {
    if (readFailure != null) {
      fail(readFailure);
      return;
    }
    if (kind == Kind.DATA) {
      edges.overlay(source, sourceIndex);
    } else {
      edges.overlayZeroes();
    }
    goOn();
  }

  @Override
  public void settled() {
    if (!settling) {
      goOn();
      return;
    }
    settling = false;
    if (pending == 0) {
      judge();
    } else if (isAheadWritten()) {
      answerEarly();
    }
  }

  /** The bitmap was exchanged while this write was held in step ACTIVE. */
  @Override
  public void gateOpened() {
    goOn();
  }

  @Override
  public void bitsDurable() {
    assert step == Step.BITMAP : "bits durable in step " + step;
    step = Step.RECORDED;
    goOn();
  }

  /** Takes the request as far as it gets without waiting. */
  private void goOn() {
    if (step == Step.EDGES) {
      step = Step.ACTIVE;
    }
    // Also of a write that members took: it must not be acknowledged while a failure cannot be
    // recorded (I3, I7).
    if (path.health.broken() != null) {
      fail(path.health.broken());
      return;
    }
    if (step == Step.ACTIVE) {
      if (!path.updates.isActive() || !path.updates.isSettled()) {
        path.updates.markActive();
        path.updates.whenSettled(this);
        return;
      }
      if (!path.gate.enter(this)) {
        return;
      }
      step = Step.BITMAP;
      bitsSet = true;
      if (!path.health.bitmap().startWrite(this)) {
        return;
      }
      step = Step.RECORDED;
    }
    if (!path.updates.isSettled()) {
      path.updates.whenSettled(this);
    } else if (step == Step.RECORDED && areEdgesOld()) {
      readEdges();
    } else if (step == Step.RECORDED) {
      issue();
    } else {
      assert step == Step.REPLY : "nothing to do in step " + step;
      end();
    }
  }

  Kind kind() {
    return kind;
  }

  EdgeBlocks edges() {
    return edges;
  }

  /** Where the request itself starts, which may be within a block. */
  long offsetBytes() {
    return offset;
  }

  ByteBuf source() {
    return source;
  }

  /** Where in {@link #source} the bytes are that go to an offset in the array. */
  int indexOf(long at) {
    return sourceIndex + (int) (at - offset);
  }

  /** Whether write-mostly members need not be waited for. */
  boolean mayLag() {
    return lag.isAllowed();
  }

  Lag lag() {
    return lag;
  }

  /** Whether the client was answered and this member does not have it yet. */
  boolean isBehindOn(Member member) {
    return members.isBehind(member);
  }

  boolean mayDiscard() {
    return mayDiscard;
  }

  boolean isFua() {
    return fua;
  }

  private void issue() {
    assert path.updates.isActive() : "data is forwarded while a superblock may say clean (I8)";
    step = Step.MEMBERS;
    if (!fua) {
      tryAllowLag();
    }
    // One more than there are member writes, so that inline completions do not end it early.
    pending = 1;
    pendingAhead = 1;
    members.issue();
    memberDone(false);
  }

  private void tryAllowLag() {
    if (kind == Kind.DATA) {
      long from = startBytes() + (edges.hasHead() ? path.blockBytes : 0);
      long to = endBytes() - (edges.hasTail() ? path.blockBytes : 0);
      path.behind.tryAllow(lag, source, indexOf(from), (int) (to - from));
    } else {
      path.behind.tryAllow(lag, source, 0, 0);
    }
  }

  /** A member write is on its way that {@link #memberDone} ends. */
  void memberStarted(boolean lags) {
    pending++;
    pendingAhead += lags ? 0 : 1;
  }

  void memberDone(boolean lags) {
    pending--;
    pendingAhead -= lags ? 0 : 1;
    if (settling) {
      return;
    }
    if (pending == 0) {
      judge();
    } else if (pendingAhead == 0 && !lags && isAheadWritten()) {
      if (path.updates.isSettled()) {
        answerEarly();
      } else {
        settling = true;
        path.updates.whenSettled(this);
      }
    }
  }

  private boolean isAheadWritten() {
    return members.isAheadWritten() && path.health.broken() == null;
  }

  /** Nothing of the request is looked at any more once the client was told. */
  private void answerEarly() {
    members.fallBehind();
    path.behind.add(lag);
    source = Unpooled.EMPTY_BUFFER;
    Completion whenDone = done;
    done = null;
    assert whenDone != null : "a write is answered twice";
    whenDone.completed(null);
  }

  /**
   * One that has no room while another has fails. When none has, that is what the client is told;
   * so is the error of the last member in sync, which stays. Each member may have taken a part
   * then, and one that is being rebuilt all of it: they are made the same again.
   */
  private void judge() {
    members.failThoseThatMissedIt();
    if (lag.isBehind() && !members.isWritten()) {
      path.behind.lost(startBytes(), endBytes(), members.failure());
      step = Step.REPLY;
      goOn();
      return;
    }
    boolean stays = members.failedOnOneThatStays();
    DeviceException noSpace = members.noSpace();
    if (noSpace != null && !members.isRoomOnAny()) {
      failure = new DeviceException(Errno.ENOSPC, String.valueOf(noSpace.getMessage()));
      stays = true;
    } else if (noSpace != null) {
      members.failThoseWithoutRoom();
    }
    if (stays
        && path.members.writable() > 1
        && path.health.broken() == null
        && !path.reads.mayDiffer(startBytes(), endBytes())) {
      // Whoever is in sync by the end may have been given what was there before.
      failure = failure == null ? members.failure() : failure;
      new Levelling(path, startBytes(), endBytes(), this::levelled).start();
      return;
    }
    step = Step.REPLY;
    goOn();
  }

  private void levelled(boolean areSame) {
    same = areSame;
    if (!same) {
      path.differing.mayDiffer(startBytes(), endBytes());
      members.failThoseBeingRebuilt();
    }
    step = Step.REPLY;
    goOn();
  }

  private void end() {
    if (failure == null && !members.isWritten()) {
      failure = members.failure();
    } else {
      same |= failure == null;
    }
    // One that is the only one has nothing to differ from.
    finish((same || path.members.writable() < 2) && !path.members.isDegraded());
  }

  private void fail(@Nullable DeviceException why) {
    failure = why;
    finish(false);
  }

  private void finish(boolean complete) {
    if (bitsSet) {
      path.health.bitmap().endWrite(this, complete);
      path.gate.leave();
    }
    edges.release();
    boolean wasBehind = lag.isBehind();
    Completion whenDone = done;
    DeviceException why = failure;
    done = null;
    source = Unpooled.EMPTY_BUFFER;
    if (wasBehind) {
      members.catchUp();
    }
    WritesBehind behind = path.behind;
    behind.remove(lag);
    path.order.release(this);
    path.ended(this);
    if (wasBehind) {
      behind.tell();
      return;
    }
    assert whenDone != null : "a write is answered twice";
    whenDone.completed(why);
  }
}
