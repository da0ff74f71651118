package io.nbdmirror.raid.simulation;

import static io.nbdmirror.raid.simulation.Violation.require;

import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.simulation.Coverage.State;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What must hold when a superblock has just reached a medium (I3, I7, I8, I13). */
final class SuperblockChecks {
  private final Life life;
  private final List<DiskWatch> members;
  private final BitmapChecks bitmaps;

  SuperblockChecks(Life life, List<DiskWatch> members, BitmapChecks bitmaps) {
    this.life = life;
    this.members = members;
    this.bitmaps = bitmaps;
  }

  /**
   * Looks at it.
   *
   * @param wasBroken whether the array was when it was written
   */
  void written(DiskWatch disk, OnDisk before, boolean wasBroken) {
    OnDisk now = disk.superblock();
    Roles roles = life.roles();
    if (!roles.isInSync(disk.disk()) && !roles.rebuilding().contains(disk.disk())) {
      // What a member that hung says when it comes back is out of date.
      return;
    }
    // What a crash left may say it otherwise, where it could not be written anew.
    if (disk.hasSuperblockOfThisLife()) {
      checkSame(disk, now, roles);
    }
    if (before.isMember() && before.isRebuilding() && !now.isRebuilding() && now.countsItselfIn()) {
      bitmaps.onNewMember(disk, life.bitmap());
      life.rebuilt(disk.disk());
    }
    if (now.isRebuilding() && now.recoveredBytes() > 0) {
      checkProgress(disk, now, roles);
    }
    if (now.isClean() && !before.isClean()) {
      life.coverage().reached(State.MARKED_CLEAN);
      require(!wasBroken, "I7: a broken array is marked clean on %s", disk.path());
      checkClean(disk, roles);
    }
  }

  /** I3: of one event count all superblocks say the same, or assembly may believe the wrong one. */
  private void checkSame(DiskWatch disk, OnDisk now, Roles roles) {
    for (DiskWatch other : members) {
      OnDisk says = other.superblock();
      boolean counts = roles.isInSync(other.disk()) || roles.rebuilding().contains(other.disk());
      if (counts && other.hasSuperblockOfThisLife() && says.events() == now.events()) {
        require(
            says.counted().equals(now.counted())
                && says.isClean() == now.isClean()
                && says.sizeBytes() == now.sizeBytes()
                && says.hasBitmap() == now.hasBitmap(),
            "I3: superblocks of event %d on %s and %s say different things",
            now.events(),
            disk.path(),
            other.path());
      }
    }
  }

  /** I13: how far a member is said to be rebuilt is durable. */
  private void checkProgress(DiskWatch disk, OnDisk now, Roles roles) {
    life.coverage().reached(State.RECOVERY_PROGRESS_RECORDED);
    for (Shape.Zone zone : life.zones()) {
      long end = Math.min(zone.end(), now.recoveredBytes());
      for (long at = zone.start(); at < end; at += Pattern.SECTOR) {
        if (!isMarked(roles, at)) {
          String problem = life.problemOnRebuilt(disk.disk(), at, Pattern.SECTOR);
          require(
              problem.isEmpty(),
              "I13: recovery_offset of %s is %d and it lacks data before that: %s",
              disk.path(),
              now.recoveredBytes(),
              problem);
        }
      }
    }
  }

  private boolean isMarked(Roles roles, long offset) {
    return members.stream()
        .anyMatch(member -> roles.isInSync(member.disk()) && bitmaps.isMarked(member, offset));
  }

  private void checkClean(DiskWatch disk, Roles roles) {
    SimulatedDevice first = roles.inSync().getFirst();
    for (SimulatedDevice member : roles.inSync()) {
      require(
          !member.hasUnflushedWrites(OnDisk.DATA, life.sizeBytes()) || isAllDurable(member),
          "I8: %s says clean while %s has data that is not durable",
          disk.path(),
          member.path());
      if (roles.isComplete()) {
        List<Long> differences = first.differences(member, OnDisk.DATA, life.sizeBytes());
        require(
            differences.isEmpty(),
            "I8: %s says clean while %s and %s differ at %s",
            disk.path(),
            first.path(),
            member.path(),
            differences);
      }
    }
  }

  /** What is not flushed is there already: what mends a read error writes no more. */
  private boolean isAllDurable(SimulatedDevice member) {
    return life.zones().stream()
        .allMatch(zone ->
            Arrays.equals(
                member.readNow(OnDisk.DATA + zone.start(), zone.length()),
                member.readDurable(OnDisk.DATA + zone.start(), zone.length())));
  }

  /** Members that are out, but that a survivor's superblock still counts in. */
  List<SimulatedDevice> unrecorded(Roles roles) {
    if (roles.isComplete()) {
      return List.of();
    }
    List<SimulatedDevice> unrecorded = new ArrayList<>();
    for (DiskWatch out : members) {
      boolean isOut =
          !roles.isInSync(out.disk())
              && !roles.rebuilding().contains(out.disk())
              && out.superblock().isMember();
      if (isOut && members.stream().anyMatch(member -> countsIn(roles, member, out))) {
        unrecorded.add(out.disk());
      }
    }
    return unrecorded;
  }

  private boolean countsIn(Roles roles, DiskWatch member, DiskWatch out) {
    return roles.isInSync(member.disk())
        && member.superblock().countsIn(out.superblock())
        // The number may be another's by now; then it is told by its age, or by who has it.
        && members.stream()
            .noneMatch(other ->
                roles.isInSync(other.disk())
                    && other.superblock().number() == out.superblock().number())
        && out.superblock().events() + 1 >= member.superblock().events();
  }

  /** I3: one that failed in this life is two events behind every survivor, or more. */
  void checkFailuresRecorded(Roles roles) {
    for (ArrayStatus.Member faulty : roles.status().members()) {
      for (DiskWatch out : members) {
        if (faulty.role() == ArrayStatus.Role.FAULTY
            && faulty.path().equals(out.path())
            && (out.hasSuperblockOfThisLife() || !life.mayBeSplit())) {
          checkBehind(roles, out);
        }
      }
    }
  }

  private void checkBehind(Roles roles, DiskWatch out) {
    for (DiskWatch member : members) {
      require(
          !roles.isInSync(member.disk())
              // It failed this very instant: then what is acknowledged must be on it.
              || member.superblock().countsIn(out.superblock())
              || member.superblock().events() >= out.superblock().events() + 2,
          "I3: %s failed, and is at event %d and %s only at %d when a change is acknowledged",
          out.path(),
          out.superblock().events(),
          member.path(),
          member.superblock().events());
    }
  }

  /** Whether a disk that may have lost data by a failed flush would be taken for one in sync. */
  boolean isLostDataUnrecorded() {
    for (DiskWatch lost : members) {
      if (lost.hasFlushFailed() && members.stream().noneMatch(other -> callsOut(other, lost))) {
        return true;
      }
    }
    return false;
  }

  private static boolean callsOut(DiskWatch one, DiskWatch other) {
    return !one.equals(other)
        && one.superblock().isMember()
        && !one.superblock().countsIn(other.superblock())
        && one.superblock().events() > other.superblock().events() + 1;
  }
}
