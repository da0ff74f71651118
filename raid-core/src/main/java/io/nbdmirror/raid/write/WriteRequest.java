package io.nbdmirror.raid.write;

import io.nbdmirror.bitmap.BitmapWrite;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.event.SuperblockUpdates;
import io.nbdmirror.raid.member.Member;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
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
 * Blocks that the request covers only in part are read first and written whole, so that all members
 * get the same bytes. Reused; used on the array's loop.
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

  /** One for each member there was at {@code generation}. */
  private MemberWrite[] memberWrites = {};

  private int generation = -1;

  private final EdgeBlocks edges;

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

  WriteRequest(WritePath path) {
    this.path = path;
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
    goOn();
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

  int sourceIndex() {
    return sourceIndex;
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
    takeMembers();
    // One more than there are member writes, so that inline completions do not end it early.
    pending = 1;
    for (MemberWrite write : memberWrites) {
      write.issue();
    }
    memberDone();
  }

  /** A member write is on its way that {@link #memberDone} ends. */
  void memberStarted() {
    pending++;
  }

  /** Members change only while no write is in the bitmap's gate, so it is the same to the end. */
  private void takeMembers() {
    if (generation == path.members.generation()) {
      return;
    }
    generation = path.members.generation();
    List<Member> now = path.members.all();
    memberWrites = new MemberWrite[now.size()];
    for (int i = 0; i < memberWrites.length; i++) {
      memberWrites[i] = new MemberWrite(path, this, now.get(i));
    }
  }

  void memberDone() {
    if (--pending == 0) {
      judge();
    }
  }

  /**
   * One that has no room while another has fails. When none has, that is what the client is told;
   * so is the error of the last member in sync, which stays. Each member may have taken a part
   * then, and one that is being rebuilt all of it: they are made the same again.
   */
  private void judge() {
    failThoseThatMissedIt();
    DeviceException noSpace = null;
    boolean room = false;
    boolean stays = false;
    for (MemberWrite write : memberWrites) {
      noSpace = write.noSpace() == null ? noSpace : write.noSpace();
      room |= write.isOfMemberInSync() && write.noSpace() == null;
      stays |= write.isOfMemberInSync() && write.failure() != null;
    }
    if (noSpace != null && !room) {
      failure = new DeviceException(Errno.ENOSPC, String.valueOf(noSpace.getMessage()));
      stays = true;
    } else if (noSpace != null) {
      failThoseWithoutRoom();
    }
    if (stays
        && path.members.writable() > 1
        && path.health.broken() == null
        && !path.reads.mayDiffer(startBytes(), endBytes())) {
      // Whoever is in sync by the end may have been given what was there before.
      failure = failure == null ? failureOfMember() : failure;
      new Levelling(path, startBytes(), endBytes(), this::levelled).start();
      return;
    }
    step = Step.REPLY;
    goOn();
  }

  private void failThoseWithoutRoom() {
    for (MemberWrite write : memberWrites) {
      DeviceException own = write.noSpace();
      if (own != null) {
        path.health.writeFailed(write.member(), own);
      }
    }
  }

  /**
   * What failed on the last member in sync, which stayed for that, may be on one that has been
   * rebuilt since: then it stays no longer (I3).
   */
  private void failThoseThatMissedIt() {
    if (!isWritten()) {
      return;
    }
    for (MemberWrite write : memberWrites) {
      DeviceException own = write.failure();
      if (own != null && write.isOfMemberInSync()) {
        path.health.fail(write.member(), own);
      }
    }
  }

  private void levelled(boolean areSame) {
    same = areSame;
    if (!same) {
      path.differing.mayDiffer(startBytes(), endBytes());
      failThoseBeingRebuilt();
    }
    step = Step.REPLY;
    goOn();
  }

  /** They would be in sync one day, and lack what could not be copied to them once more (I13). */
  private void failThoseBeingRebuilt() {
    for (MemberWrite write : memberWrites) {
      if (write.member().isRebuilding()) {
        path.health.fail(
            write.member(),
            new DeviceException(
                Errno.EIO,
                "%s took a write that failed on the last member in sync, which cannot be read there"
                    .formatted(write.member().path())));
      }
    }
  }

  private void end() {
    if (failure == null && !isWritten()) {
      failure = failureOfMember();
    } else {
      same |= failure == null;
    }
    // One that is the only one has nothing to differ from.
    finish((same || path.members.writable() < 2) && !path.members.isDegraded());
  }

  private DeviceException failureOfMember() {
    for (MemberWrite write : memberWrites) {
      DeviceException own = write.failure();
      if (own != null) {
        return own;
      }
    }
    return new DeviceException(Errno.EIO, "no member in sync took the write");
  }

  /** Whether every block of it is on a member in sync. */
  private boolean isWritten() {
    boolean inParts = false;
    boolean isMissing = false;
    for (MemberWrite write : memberWrites) {
      if (write.succeeded()) {
        return true;
      }
      isMissing |= write.isOfMemberInSync() && !write.lacksBadBlocksOnly();
      inParts |= write.lacksBadBlocksOnly();
    }
    inParts &= !isMissing;
    long at = startBytes();
    while (inParts && at < endBytes()) {
      long edge = path.members.nextBadEdge(at, endBytes());
      inParts = path.members.sourceOf(at, edge, List.of()) != null;
      at = edge;
    }
    return inParts;
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
    Completion whenDone = done;
    DeviceException why = failure;
    done = null;
    source = Unpooled.EMPTY_BUFFER;
    path.order.release(this);
    path.ended(this);
    assert whenDone != null : "a write is answered twice";
    whenDone.completed(why);
  }
}
