package io.nbdmirror.raid.member;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All members of an array, in slot order, and the questions asked of them together. A slot whose
 * member is absent has no entry. Used on the array's loop.
 */
public final class Members {
  private final List<Member> members;
  private final int slots;

  /**
   * Takes the members as assembly found them.
   *
   * @param slots how many the complete array has
   */
  public Members(List<Member> members, int slots) {
    this.members = List.copyOf(members);
    this.slots = slots;
  }

  public List<Member> all() {
    return members;
  }

  public int slots() {
    return slots;
  }

  public int inSync() {
    int count = 0;
    for (int i = 0; i < members.size(); i++) {
      if (members.get(i).isInSync()) {
        count++;
      }
    }
    return count;
  }

  /** Whether a slot has no member in sync. */
  public boolean isDegraded() {
    return inSync() < slots;
  }

  /** Whether it is the only one with all the data: never failed by an error (I7). */
  public boolean isLastInSync(Member member) {
    return member.isInSync() && inSync() == 1;
  }

  /**
   * The member that resync copies from, and that alone is read where members may differ (I4): the
   * lowest in-sync slot that is not write-mostly; if all are, the lowest. Null when none is in
   * sync.
   */
  public @Nullable Member source() {
    Member writeMostly = null;
    for (int i = 0; i < members.size(); i++) {
      Member member = members.get(i);
      if (member.isInSync()) {
        if (!member.isWriteMostly()) {
          return member;
        }
        writeMostly = writeMostly == null ? member : writeMostly;
      }
    }
    return writeMostly;
  }

  /**
   * Where members are known to be the same, a read goes to the one with the fewest reads in flight;
   * write-mostly members only when there is no other. Null when none is in sync.
   */
  public @Nullable Member leastLoaded() {
    Member best = null;
    for (int i = 0; i < members.size(); i++) {
      Member member = members.get(i);
      if (member.isInSync() && (best == null || isBetterToRead(member, best))) {
        best = member;
      }
    }
    return best;
  }

  private static boolean isBetterToRead(Member member, Member best) {
    return member.isWriteMostly() == best.isWriteMostly()
        ? member.pendingReads() < best.pendingReads()
        : best.isWriteMostly();
  }

  /** The coarsest block of all members, in bytes: what requests to them are aligned to. */
  public int blockBytes() {
    int bytes = 1;
    for (Member member : members) {
      bytes = Math.max(bytes, member.device().blockBytes());
    }
    return bytes;
  }

  /** Whether every member that gets writes can give blocks back (I11). */
  public boolean allDiscard() {
    for (int i = 0; i < members.size(); i++) {
      if (members.get(i).isWritable() && !members.get(i).device().discards()) {
        return false;
      }
    }
    return true;
  }
}
