package io.nbdmirror.raid.assembly;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.MemberState;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.member.Recovery;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Decides from the superblocks alone who is in the array (I10, md.md 1.4): roles are taken from the
 * freshest one; a member one event behind it is accepted, an older one and one that the freshest
 * calls out are left out. One that was being rebuilt goes on being rebuilt, and so begins one that
 * was about to be: the freshest gives it a slot, and it does not know of it yet.
 */
final class Roster {
  /** A device and the superblock read from it. */
  record Candidate(BlockDevice device, MdSuperblock superblock) {
    int devNumber() {
      return superblock.devNumber();
    }

    int roleOf(Candidate other) {
      return superblock.role(other.devNumber());
    }

    boolean countsItselfIn() {
      return roleOf(this) < MdSuperblock.ROLE_SLOT_LIMIT;
    }
  }

  /** A candidate with a slot. */
  private record Placed(Candidate candidate, int slot, boolean rebuilding) {
    boolean holds(int devNumber) {
      return candidate.devNumber() == devNumber;
    }
  }

  private final List<Candidate> candidates;
  private final MdSuperblock freshest;
  private final TreeMap<Integer, Placed> bySlot = new TreeMap<>();
  private final List<Placed> replacements = new ArrayList<>();
  private final List<Candidate> spares = new ArrayList<>();
  private final List<String> leftOut = new ArrayList<>();

  private Roster(List<Candidate> candidates, MdSuperblock freshest, List<String> leftOut) {
    this.candidates = candidates;
    this.freshest = freshest;
    this.leftOut.addAll(leftOut);
  }

  /**
   * Decides.
   *
   * @param candidates those whose superblocks are good
   * @param leftOut sentences about devices that are left out already
   * @throws AssemblyException when these can't make an array
   */
  static Roster decide(List<Candidate> candidates, List<String> leftOut, boolean allowDegraded)
      throws AssemblyException {
    if (candidates.isEmpty()) {
      throw new AssemblyException(
          leftOut.isEmpty() ? "no member was given" : String.join("; ", leftOut));
    }
    checkSameArray(candidates);
    checkNoSplit(candidates);
    Roster roster = new Roster(candidates, freshestOf(candidates).superblock(), leftOut);
    for (Candidate candidate : candidates) {
      roster.place(candidate);
    }
    roster.placeReplacements();
    roster.checkComplete(allowDegraded);
    return roster;
  }

  private static void checkSameArray(List<Candidate> candidates) throws AssemblyException {
    for (int i = 0; i < candidates.size(); i++) {
      Candidate one = candidates.get(i);
      for (Candidate other : candidates.subList(i + 1, candidates.size())) {
        MdSuperblock a = one.superblock();
        MdSuperblock b = other.superblock();
        if (!a.setUuid().equals(b.setUuid())) {
          throw new AssemblyException(
              "%s belongs to array %s (%s) and %s to array %s (%s): give the members of one array"
                  .formatted(
                      one.device().path(),
                      a.setName(),
                      a.setUuid(),
                      other.device().path(),
                      b.setName(),
                      b.setUuid()));
        }
        if (a.deviceUuid().equals(b.deviceUuid())) {
          throw new AssemblyException(
              "%s and %s are the same member of array %s: one is a copy of the other or given twice"
                  .formatted(one.device().path(), other.device().path(), a.setName()));
        }
      }
    }
  }

  /** Two that each call the other out were both written to alone: nobody can tell who is right. */
  private static void checkNoSplit(List<Candidate> candidates) throws AssemblyException {
    for (Candidate one : candidates) {
      for (Candidate other : candidates) {
        if (!one.equals(other)
            && one.countsItselfIn()
            && other.countsItselfIn()
            && one.roleOf(other) >= MdSuperblock.ROLE_SLOT_LIMIT
            && other.roleOf(one) >= MdSuperblock.ROLE_SLOT_LIMIT) {
          throw new AssemblyException(
              ("array %s is split: %s and %s were each written to without the other; keep one, and"
                      + " clear the other with: nbdmirror zero-superblock MEMBER")
                  .formatted(
                      one.superblock().setName(), one.device().path(), other.device().path()));
        }
      }
    }
  }

  /**
   * The one with the highest event count. Among several it is one that none of them calls out: a
   * crash may have left a member a failure's step ahead of a survivor that then went on without it
   * and drew level.
   */
  private static Candidate freshestOf(List<Candidate> candidates) throws AssemblyException {
    Candidate freshest = null;
    for (Candidate candidate : candidates) {
      if (candidate.countsItselfIn() && (freshest == null || isFresher(candidate, freshest))) {
        freshest = candidate;
      }
    }
    if (freshest == null) {
      throw new AssemblyException(
          "array %s has only spares among the members given: name those that hold its data"
              .formatted(candidates.getFirst().superblock().setName()));
    }
    return freshest;
  }

  private static boolean isFresher(Candidate candidate, Candidate than) {
    int order = Long.compareUnsigned(candidate.superblock().events(), than.superblock().events());
    return order > 0 || (order == 0 && candidate.roleOf(than) >= MdSuperblock.ROLE_SLOT_LIMIT);
  }

  private void place(Candidate candidate) throws AssemblyException {
    String path = candidate.device().path();
    MdSuperblock superblock = candidate.superblock();
    int role = freshest.role(candidate.devNumber());
    boolean old = Long.compareUnsigned(superblock.events() + 1, freshest.events()) < 0;
    if (Integer.compareUnsigned(candidate.devNumber(), freshest.maxDev()) >= 0) {
      leftOut.add(
          "%s is left out: its superblock calls it device %s, and the freshest knows no more than %d"
              .formatted(path, Integer.toUnsignedString(candidate.devNumber()), freshest.maxDev()));
    } else if (roomOn(candidate) < freshest.size()) {
      leftOut.add(
          "%s is left out: it has room for %d bytes of data, and the array has %d by now"
              .formatted(
                  path,
                  roomOn(candidate) * MdSuperblock.SECTOR_BYTES,
                  freshest.size() * MdSuperblock.SECTOR_BYTES));
    } else if (role == MdSuperblock.ROLE_SPARE && !candidate.countsItselfIn()) {
      spares.add(candidate);
    } else if (role >= MdSuperblock.ROLE_SLOT_LIMIT) {
      leftOut.add(
          "%s is left out: the freshest superblock counts it as %s"
              .formatted(path, role == MdSuperblock.ROLE_FAULTY ? "faulty" : "removed"));
    } else if (old && candidate.countsItselfIn()) {
      leftOut.add(
          "%s is left out: it is stale, its event count %d is behind %d"
              .formatted(path, superblock.events(), freshest.events()));
    } else if (role >= freshest.raidDisks()) {
      throw new AssemblyException(
          "%s holds slot %d of an array of %d members: its superblock makes no sense"
              .formatted(path, role, freshest.raidDisks()));
    } else if (superblock.hasFeature(MdSuperblock.FEATURE_REPLACEMENT)) {
      replacements.add(new Placed(candidate, role, isRebuilding(candidate)));
    } else {
      placeIn(role, new Placed(candidate, role, lacksData(candidate)));
    }
  }

  /**
   * Of two in one slot, the one that does not know of it yet was about to become the replacement of
   * the other.
   */
  private void placeIn(int slot, Placed placed) throws AssemblyException {
    Placed earlier = bySlot.putIfAbsent(slot, placed);
    if (earlier == null) {
      return;
    }
    if (!placed.candidate.countsItselfIn()) {
      replacements.add(placed);
    } else if (!earlier.candidate.countsItselfIn()) {
      bySlot.put(slot, placed);
      replacements.add(earlier);
    } else {
      throw new AssemblyException(
          "%s and %s both hold slot %d of array %s"
              .formatted(
                  placed.candidate.device().path(),
                  earlier.candidate.device().path(),
                  slot,
                  freshest.setName()));
    }
  }

  /** Sectors; one that missed that the array grew does not know how much of its device is used. */
  private static long roomOn(Candidate candidate) {
    MdSuperblock superblock = candidate.superblock();
    long behind =
        superblock.superOffset() > superblock.dataOffset()
            ? 0
            : candidate.device().sizeBytes() / MdSuperblock.SECTOR_BYTES - superblock.dataOffset();
    return Math.max(superblock.dataSize(), behind);
  }

  private MdSuperblock grown(Candidate candidate) {
    MdSuperblock superblock = candidate.superblock().copy();
    // As md does: every superblock has room for all numbers.
    superblock.setMaxDev(Math.max(superblock.maxDev(), freshest.maxDev()));
    superblock.setSize(freshest.size());
    if (superblock.dataSize() < freshest.size()) {
      superblock.setDataSize(roomOn(candidate));
    }
    return superblock;
  }

  private static boolean isRebuilding(Candidate candidate) {
    return candidate.superblock().hasFeature(MdSuperblock.FEATURE_RECOVERY_OFFSET);
  }

  private static boolean lacksData(Candidate candidate) {
    return isRebuilding(candidate) || !candidate.countsItselfIn();
  }

  /** A replacement whose original is not here is as good as any other member of its slot. */
  private void placeReplacements() {
    for (Placed replacement : List.copyOf(replacements)) {
      if (!bySlot.containsKey(replacement.slot)) {
        replacements.remove(replacement);
        bySlot.put(
            replacement.slot,
            new Placed(replacement.candidate, replacement.slot, lacksData(replacement.candidate)));
      }
    }
  }

  private void checkComplete(boolean allowDegraded) throws AssemblyException {
    if (bySlot.values().stream().allMatch(Placed::rebuilding)) {
      throw new AssemblyException(
          "array %s has no member in sync among those given: %s"
              .formatted(freshest.setName(), String.join("; ", leftOut)));
    }
    if (isAbsenceNew() && !allowDegraded) {
      throw new AssemblyException(
          "array %s lacks %d of %d members%s: give the rest too, or start without with --degraded"
              .formatted(
                  freshest.setName(),
                  freshest.raidDisks() - bySlot.size(),
                  freshest.raidDisks(),
                  leftOut.isEmpty() ? "" : " (" + String.join("; ", leftOut) + ")"));
    }
  }

  /** Whether a slot is empty here that the superblocks count as taken (I3). */
  boolean isAbsenceNew() {
    for (int number = 0; number < freshest.maxDev(); number++) {
      int role = freshest.role(number);
      if (role < MdSuperblock.ROLE_SLOT_LIMIT) {
        int held = number;
        Placed holder = bySlot.get(role);
        if ((holder == null || !holder.holds(held))
            && replacements.stream().noneMatch(each -> each.holds(held))) {
          return true;
        }
      }
    }
    return false;
  }

  MdSuperblock freshest() {
    return freshest;
  }

  /** One sentence for each device that was given and has no part in the array. */
  List<String> leftOut() {
    return List.copyOf(leftOut);
  }

  /** Devices that were given and have no part in the array. */
  List<BlockDevice> unused() {
    List<BlockDevice> unused = new ArrayList<>();
    for (Candidate candidate : candidates) {
      if (!spares.contains(candidate)
          && placed().noneMatch(each -> each.candidate.equals(candidate))) {
        unused.add(candidate.device());
      }
    }
    return unused;
  }

  private Stream<Placed> placed() {
    return Stream.concat(bySlot.values().stream(), replacements.stream());
  }

  /** Those who have a part in it; each keeps a copy of its superblock. */
  Members members() {
    List<Member> members = new ArrayList<>();
    bySlot.values().forEach(each -> members.add(member(each, each.rebuilding)));
    for (Placed replacement : replacements) {
      Member member = member(replacement, true);
      Recovery.markReplacement(member.superblock());
      member.setReplacement(true);
      members.add(member);
    }
    for (Candidate spare : spares) {
      MdSuperblock superblock = grown(spare);
      Recovery.none(superblock);
      members.add(new Member(spare.device(), superblock, Member.NO_SLOT, MemberState.SPARE));
    }
    return new Members(members, freshest.raidDisks());
  }

  private Member member(Placed placed, boolean rebuilding) {
    MdSuperblock superblock = grown(placed.candidate);
    boolean fresh = Long.compareUnsigned(superblock.events() + 1, freshest.events()) >= 0;
    if (!rebuilding) {
      Recovery.none(superblock);
    } else if (!placed.rebuilding) {
      Recovery.from(superblock, freshest.size());
    } else if (!fresh || !isRebuilding(placed.candidate)) {
      Recovery.from(superblock, 0);
    }
    return new Member(
        placed.candidate.device(),
        superblock,
        placed.slot,
        rebuilding ? MemberState.REBUILDING : MemberState.IN_SYNC);
  }
}
