package io.nbdmirror.raid.member;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All members of an array, in slot order with those that have none last, and the questions asked of
 * them together. A slot whose member is absent has no entry. Members come and go only while no
 * write is between its first and its last bit (I14). Used on the array's loop.
 */
public final class Members {
  private static final Comparator<Member> SLOT_ORDER =
      Comparator.<Member>comparingInt(
              member -> member.slot() == Member.NO_SLOT ? Integer.MAX_VALUE : member.slot())
          .thenComparing(Member::isFaulty)
          .thenComparing(Member::isReplacement);

  private List<Member> members;
  private int slots;
  private int generation;

  /**
   * Takes the members as assembly found them.
   *
   * @param slots how many the complete array has
   */
  public Members(List<Member> members, int slots) {
    this.members = members.stream().sorted(SLOT_ORDER).toList();
    this.slots = slots;
  }

  /** An immutable list, and another one after each change of who is in it or in which slot. */
  public List<Member> all() {
    return members;
  }

  /** Another number whenever {@link #all} is another list. */
  public int generation() {
    return generation;
  }

  public int slots() {
    return slots;
  }

  /** How many members the complete array has from now on. */
  public void setSlots(int slots) {
    this.slots = slots;
  }

  /** Adds a member, in the slot and state that it has. */
  public void attach(Member member) {
    List<Member> more = new ArrayList<>(members);
    more.add(member);
    reorder(more);
  }

  /** Takes a member out; its device is the caller's from now on. */
  public void detach(Member member) {
    List<Member> rest = new ArrayList<>(members);
    rest.remove(member);
    reorder(rest);
  }

  /** Gives a member a slot; a faulty member that had it has none any more. */
  public void place(Member member, int slot) {
    for (Member other : members) {
      if (other.slot() == slot && other.isFaulty()) {
        other.setSlot(Member.NO_SLOT);
      }
    }
    member.setSlot(slot);
    reorder(new ArrayList<>(members));
  }

  private void reorder(List<Member> list) {
    list.sort(SLOT_ORDER);
    members = List.copyOf(list);
    generation++;
  }

  /** The member that people know by this path; null when there is none. */
  public @Nullable Member withPath(String path) {
    for (Member member : members) {
      if (member.path().equals(path)) {
        return member;
      }
    }
    return null;
  }

  /** Who is in a slot: one that is not faulty before one that is; null when nobody is. */
  public @Nullable Member inSlot(int slot) {
    for (Member member : members) {
      if (member.slot() == slot) {
        return member;
      }
    }
    return null;
  }

  /** The member that is to take the place of {@code member}; null when there is none. */
  public @Nullable Member replacementOf(Member member) {
    for (Member other : members) {
      if (other.isReplacement()
          && other.isWritable()
          && other.slot() == member.slot()
          && !other.equals(member)) {
        return other;
      }
    }
    return null;
  }

  /** The lowest slot that no member is in that gets writes; {@link Member#NO_SLOT} without one. */
  public int freeSlot() {
    for (int slot = 0; slot < slots; slot++) {
      Member member = inSlot(slot);
      if (member == null || !member.isWritable()) {
        return slot;
      }
    }
    return Member.NO_SLOT;
  }

  /** A spare that could take a slot; null when there is none. */
  public @Nullable Member spare() {
    for (Member member : members) {
      if (member.isSpare()) {
        return member;
      }
    }
    return null;
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

  /** How many members get writes. */
  public int writable() {
    int count = 0;
    for (int i = 0; i < members.size(); i++) {
      if (members.get(i).isWritable()) {
        count++;
      }
    }
    return count;
  }

  /** Whether a member is being rebuilt. */
  public boolean anyRebuilding() {
    for (int i = 0; i < members.size(); i++) {
      if (members.get(i).isRebuilding()) {
        return true;
      }
    }
    return false;
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
   * The member that {@link #source()} would be if nobody had bad blocks: the first in that order
   * whose blocks in the range are all good. Null when none has them.
   *
   * @param excluded not these
   */
  public @Nullable Member sourceOf(long startBytes, long endBytes, List<Member> excluded) {
    Member writeMostly = null;
    for (int i = 0; i < members.size(); i++) {
      Member member = members.get(i);
      if (member.isInSync() && !member.isBad(startBytes, endBytes) && !excluded.contains(member)) {
        if (!member.isWriteMostly()) {
          return member;
        }
        writeMostly = writeMostly == null ? member : writeMostly;
      }
    }
    return writeMostly;
  }

  /**
   * Where, going on from an offset, another set of members has good blocks; the limit when it is
   * the same set up to there.
   */
  public long nextBadEdge(long offsetBytes, long limitBytes) {
    long edge = limitBytes;
    for (int i = 0; i < members.size(); i++) {
      if (members.get(i).isInSync()) {
        edge = members.get(i).nextBadEdge(offsetBytes, edge);
      }
    }
    return edge;
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
