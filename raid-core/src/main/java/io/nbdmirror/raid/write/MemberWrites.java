package io.nbdmirror.raid.write;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.member.Member;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The parts of a request, one for each member, and what is asked of them together: who has it, who
 * has not, and what becomes of those. Reused with its request; used on the array's loop.
 */
final class MemberWrites {
  private final WritePath path;
  private final WriteRequest request;

  /** One for each member there was at {@code generation}. */
  private MemberWrite[] writes = {};

  private int generation = -1;

  MemberWrites(WritePath path, WriteRequest request) {
    this.path = path;
    this.request = request;
  }

  /** Gives every member its part; each that is asked tells the request when it has answered. */
  void issue() {
    takeMembers();
    for (MemberWrite write : writes) {
      write.issue();
    }
  }

  /** Members change only while no write is in the bitmap's gate, so it is the same to the end. */
  private void takeMembers() {
    if (generation == path.members.generation()) {
      return;
    }
    generation = path.members.generation();
    List<Member> now = path.members.all();
    writes = new MemberWrite[now.size()];
    for (int i = 0; i < writes.length; i++) {
      writes[i] = new MemberWrite(path, request, now.get(i));
    }
  }

  /**
   * Whether all who are waited for took it, and one of them is in sync. When one had trouble, what
   * is to be done about it depends on the others: all are waited for.
   */
  boolean isAheadWritten() {
    boolean any = false;
    for (MemberWrite write : writes) {
      if (!write.lags()) {
        if (!write.hasAll()) {
          return false;
        }
        any |= write.succeeded();
      }
    }
    return any;
  }

  /** The client is about to be answered: who has not written all of it yet lacks it. */
  void fallBehind() {
    for (MemberWrite write : writes) {
      write.fallBehind();
    }
  }

  /** Whether the client was answered and this member does not have it yet. */
  boolean isBehind(Member member) {
    for (MemberWrite write : writes) {
      if (write.isBehind() && write.member().equals(member)) {
        return true;
      }
    }
    return false;
  }

  /** Nobody lacks it any more, or it is settled what that means. */
  void catchUp() {
    for (MemberWrite write : writes) {
      write.catchUp();
    }
  }

  /** That a member has no room for it; null when none said so. */
  @Nullable DeviceException noSpace() {
    DeviceException noSpace = null;
    for (MemberWrite write : writes) {
      noSpace = write.noSpace() == null ? noSpace : write.noSpace();
    }
    return noSpace;
  }

  /** Whether a member in sync has room for it. */
  boolean isRoomOnAny() {
    for (MemberWrite write : writes) {
      if (write.isOfMemberInSync() && write.noSpace() == null) {
        return true;
      }
    }
    return false;
  }

  /** Whether it failed on a member that is in sync all the same. */
  boolean failedOnOneThatStays() {
    for (MemberWrite write : writes) {
      if (write.isOfMemberInSync() && write.failure() != null) {
        return true;
      }
    }
    return false;
  }

  void failThoseWithoutRoom() {
    for (MemberWrite write : writes) {
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
  void failThoseThatMissedIt() {
    if (!isWritten()) {
      return;
    }
    for (MemberWrite write : writes) {
      DeviceException own = write.failure();
      if (own != null && write.isOfMemberInSync()) {
        path.health.fail(write.member(), own);
      }
    }
  }

  /** They would be in sync one day, and lack what could not be copied to them once more (I13). */
  void failThoseBeingRebuilt() {
    for (MemberWrite write : writes) {
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

  DeviceException failure() {
    for (MemberWrite write : writes) {
      DeviceException own = write.failure();
      if (own != null) {
        return own;
      }
    }
    return new DeviceException(Errno.EIO, "no member in sync took the write");
  }

  /** Whether every block of it is on a member in sync. */
  boolean isWritten() {
    boolean inParts = false;
    boolean isMissing = false;
    for (MemberWrite write : writes) {
      if (write.succeeded()) {
        return true;
      }
      isMissing |= write.isOfMemberInSync() && !write.lacksBadBlocksOnly();
      inParts |= write.lacksBadBlocksOnly();
    }
    inParts &= !isMissing;
    long at = request.startBytes();
    while (inParts && at < request.endBytes()) {
      long edge = path.members.nextBadEdge(at, request.endBytes());
      inParts = path.members.sourceOf(at, edge, List.of()) != null;
      at = edge;
    }
    return inParts;
  }
}
