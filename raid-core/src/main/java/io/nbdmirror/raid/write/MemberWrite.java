package io.nbdmirror.raid.write;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.member.Member;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The part of a request that goes to one member: its edge blocks, and what lies between them. What
 * the medium refuses is tried again {@linkplain BlockByBlock block by block}, and what it then does
 * not take goes to its bad-block log; a lack of space is for the request to judge, which knows of
 * the others; any other error fails the member. Reused with its request; used on the array's loop.
 */
final class MemberWrite {
  private final WritePath path;
  private final WriteRequest request;
  private final Member member;
  private final Part head = new Part();
  private final Part middle = new Part();
  private final Part tail = new Part();
  private boolean issued;
  private boolean lags;
  private boolean behind;
  private int pending;
  private boolean lacksBlocks;
  private @Nullable DeviceException failure;
  private @Nullable DeviceException noSpace;

  MemberWrite(WritePath path, WriteRequest request, Member member) {
    this.path = path;
    this.request = request;
    this.member = member;
  }

  Member member() {
    return member;
  }

  /** Whether the member was asked, and is in sync still. */
  boolean isOfMemberInSync() {
    return issued && member.isInSync();
  }

  /** Whether all of the data is on a member in sync. */
  boolean succeeded() {
    return isOfMemberInSync() && failure == null && noSpace == null && !lacksBlocks;
  }

  /** Whether it is on a member in sync but for blocks that are recorded as bad. */
  boolean lacksBadBlocksOnly() {
    return isOfMemberInSync() && failure == null && noSpace == null && lacksBlocks;
  }

  /** Why it is not on the member; null also when it was not asked. */
  @Nullable DeviceException failure() {
    return failure;
  }

  /** That the member has no room for it; null when that is not what happened. */
  @Nullable DeviceException noSpace() {
    return noSpace;
  }

  /** Whether all that the member was asked to write is there, or it was not asked. */
  boolean hasAll() {
    return pending == 0 && failure == null && noSpace == null && !lacksBlocks;
  }

  /** Whether the request need not wait for it before the client is answered. */
  boolean lags() {
    return lags;
  }

  /** The client is answered: what the member has not written by now, or not all of it, it lacks. */
  void fallBehind() {
    behind = lags && !hasAll();
    if (behind) {
      member.fellBehind();
    }
  }

  /** Whether the member lacks what the client was told is there. */
  boolean isBehind() {
    return behind;
  }

  /** The member has it, or what it means that it does not is settled. */
  void catchUp() {
    if (behind) {
      behind = false;
      member.caughtUp();
    }
  }

  void issue() {
    failure = null;
    noSpace = null;
    lacksBlocks = false;
    issued = member.isWritable();
    lags = issued && request.mayLag() && WritesBehind.mayLag(member);
    if (!issued) {
      return;
    }
    EdgeBlocks edges = request.edges();
    long from = request.startBytes();
    long to = request.endBytes();
    boolean hasTail = edges.hasTail();
    // One more than there are parts, so that inline completions do not end it early.
    started();
    if (edges.hasHead()) {
      from += path.blockBytes;
      head.start(request.startBytes(), from, edges.head(), 0);
    }
    to -= hasTail ? path.blockBytes : 0;
    // The part before may have failed, and the member with it, before its call returned.
    if (hasTail && member.isWritable()) {
      tail.start(to, request.endBytes(), edges.tail(), 0);
    }
    if (from < to && member.isWritable()) {
      if (lags) {
        middle.start(from, to, request.lag().bytes(), 0);
      } else {
        middle.start(from, to, request.source(), request.indexOf(from));
      }
    }
    partDone();
  }

  private void started() {
    pending++;
    request.memberStarted(lags);
  }

  private void partDone() {
    pending--;
    boolean caughtUp = behind && hasAll();
    if (hasAll()) {
      path.health.badBlocks().written(member, request.startBytes(), request.endBytes());
      catchUp();
    }
    request.memberDone(lags);
    if (caughtUp) {
      path.behind.tell();
    }
  }

  private void failed(DeviceException why) {
    failure = why;
    path.health.writeFailed(member, why);
    partDone();
  }

  static boolean isNoSpace(DeviceException failure) {
    return failure.errno() == Errno.ENOSPC || failure.errno() == Errno.EDQUOT;
  }

  /** After an error of a synchronous write its cache is not to be trusted (I5). */
  private boolean mayHaveBadBlocks(DeviceException why) {
    return why.errno() == Errno.EIO
        && !request.isFua()
        && member.isWritable()
        && member.badBlocks().hasLog()
        && !path.members.isLastInSync(member);
  }

  /** One write to the member. */
  private final class Part implements Completion, BlockByBlock.Writer {
    private long start;
    private long end;
    private ByteBuf bytes = Unpooled.EMPTY_BUFFER;
    private int index;

    void start(long startBytes, long endBytes, ByteBuf source, int sourceIndex) {
      started();
      start = startBytes;
      end = endBytes;
      bytes = source;
      index = sourceIndex;
      write(start, end, this);
    }

    /** The edges are data whatever the request is. */
    @Override
    public void write(long from, long to, Completion done) {
      boolean fua = request.isFua();
      WriteRequest.Kind kind = this == middle ? request.kind() : WriteRequest.Kind.DATA;
      switch (kind) {
        case DATA ->
            member.write(from, bytes, index + (int) (from - start), (int) (to - from), fua, done);
        case ZEROES -> member.writeZeroes(from, to - from, request.mayDiscard(), fua, done);
        case DISCARD -> member.discard(from, to - from, fua, done);
      }
    }

    @Override
    public void completed(@Nullable DeviceException why) {
      if (why == null) {
        partDone();
      } else if (isNoSpace(why)) {
        noSpace = why;
        partDone();
      } else if (mayHaveBadBlocks(why)) {
        member.countWriteError();
        new BlockByBlock(this, member.device().blockBytes(), this::tried).tryAgain(start, end);
      } else {
        failed(why);
      }
    }

    private void tried(List<BlockByBlock.Range> failing, @Nullable DeviceException why) {
      if (why != null && isNoSpace(why)) {
        noSpace = why;
        partDone();
        return;
      }
      DeviceException fatal = why;
      for (BlockByBlock.Range range : fatal == null ? failing : List.<BlockByBlock.Range>of()) {
        if (!path.health
            .badBlocks()
            .record(member, range.startBytes(), range.endBytes(), range.failure())) {
          fatal = range.failure();
          break;
        }
      }
      lacksBlocks |= !failing.isEmpty();
      if (fatal != null) {
        failed(fatal);
      } else {
        partDone();
      }
    }
  }
}
