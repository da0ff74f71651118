package io.nbdmirror.raid.write;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.member.Member;
import org.jspecify.annotations.Nullable;

/**
 * The part of a request that goes to one member: its edge blocks, and what lies between them.
 * Reused with its request; used on the array's loop.
 */
final class MemberWrite implements Completion {
  private final WritePath path;
  private final WriteRequest request;
  private final Member member;
  private boolean issued;
  private @Nullable DeviceException failure;

  MemberWrite(WritePath path, WriteRequest request, Member member) {
    this.path = path;
    this.request = request;
    this.member = member;
  }

  /** Whether the data is on a member in sync. */
  boolean succeeded() {
    return issued && failure == null && member.isInSync();
  }

  /** Why it is not on the member; null also when it was not asked. */
  @Nullable DeviceException failure() {
    return failure;
  }

  void issue() {
    failure = null;
    issued = member.isWritable();
    if (!issued) {
      return;
    }
    EdgeBlocks edges = request.edges();
    boolean fua = request.isFua();
    long from = request.startBytes();
    long to = request.endBytes();
    if (edges.hasHead()) {
      request.memberStarted();
      member.write(from, edges.head(), 0, path.blockBytes, fua, this);
      from += path.blockBytes;
    }
    if (edges.hasTail()) {
      request.memberStarted();
      to -= path.blockBytes;
      member.write(to, edges.tail(), 0, path.blockBytes, fua, this);
    }
    if (from < to) {
      request.memberStarted();
      issueMiddle(from, to, fua);
    }
  }

  private void issueMiddle(long from, long to, boolean fua) {
    switch (request.kind()) {
      case DATA ->
          member.write(
              from,
              request.source(),
              request.sourceIndex() + (int) (from - request.offsetBytes()),
              (int) (to - from),
              fua,
              this);
      case ZEROES -> member.writeZeroes(from, to - from, request.mayDiscard(), fua, this);
      case DISCARD -> member.discard(from, to - from, fua, this);
    }
  }

  @Override
  public void completed(@Nullable DeviceException memberFailure) {
    if (memberFailure != null) {
      failure = memberFailure;
      path.health.writeFailed(member, memberFailure);
    }
    request.memberDone();
  }
}
