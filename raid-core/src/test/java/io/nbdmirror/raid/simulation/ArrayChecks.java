package io.nbdmirror.raid.simulation;

import static io.nbdmirror.raid.simulation.Violation.require;

import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.simulation.Coverage.State;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What must hold at every request to a disk and at every answer to a client, invariant by
 * invariant.
 */
final class ArrayChecks {
  private final Life life;
  private final List<DiskWatch> members;
  private final List<DiskWatch> files;
  private final Set<String> failedOnTheLast = new HashSet<>();

  /** Who could not be read, by offset. */
  private final Map<Long, Set<SimulatedDevice>> failedReads = new HashMap<>();

  ArrayChecks(Life life, List<DiskWatch> members, List<DiskWatch> files) {
    this.life = life;
    this.members = members;
    this.files = files;
  }

  /**
   * I1, I6 and I8, before a member in sync is given data.
   *
   * @return what does not hold; empty when all does
   */
  String beforeData(DiskWatch disk, DeviceEvent event) {
    Roles roles = life.roles();
    require(
        !roles.inSync().isEmpty(),
        "I7: no member is in sync when %s gets %s",
        disk.disk().path(),
        event);
    if (!roles.isInSync(disk.disk())) {
      return "";
    }
    long start = event.offsetBytes() - OnDisk.DATA;
    for (DiskWatch member : members) {
      if (roles.isInSync(member.disk())) {
        if (member.superblock().isClean()) {
          return "I8: %s says clean when %s gets %s"
              .formatted(member.disk().path(), disk.disk().path(), event);
        }
        String lacking = lackingBits(roles, member, start, start + event.lengthBytes());
        if (!lacking.isEmpty()) {
          return lacking;
        }
      }
    }
    return "";
  }

  private String lackingBits(Roles roles, DiskWatch member, long start, long end) {
    OnDisk superblock = member.superblock();
    if (superblock.hasBitmap()) {
      return lackingBits(roles, member, superblock.events(), false, start, end);
    }
    for (DiskWatch file : files) {
      String lacking = lackingBits(roles, file, superblock.events(), true, start, end);
      if (!lacking.isEmpty()) {
        return lacking;
      }
    }
    return "";
  }

  private static String lackingBits(
      Roles roles, DiskWatch copy, long events, boolean inFile, long start, long end) {
    BitmapOnDisk bitmap = copy.bitmap();
    if (!bitmap.isTrusted(events, inFile)) {
      return "";
    }
    long chunk = bitmap.chunkBytes();
    for (long at = start / chunk * chunk; at < end; at += chunk) {
      if (!bitmap.covers(at)) {
        return "%s: no durable bit on %s for byte %d when data is written there"
            .formatted(
                roles.status().bitmap().kind() == ArrayStatus.BitmapKind.KICKED ? "I6" : "I1",
                copy.disk().path(),
                at);
      }
    }
    return "";
  }

  /** Members that are out, but that a survivor's superblock still counts in. */
  private List<SimulatedDevice> unrecorded(Roles roles) {
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

  /** I4, as far as it can be seen here: the rest is told by what a read returns. */
  void beforeRead(DiskWatch disk) {
    for (ArrayStatus.Member member : life.roles().status().members()) {
      require(
          member.role() == ArrayStatus.Role.IN_SYNC || !member.path().equals(disk.disk().path()),
          "I4: %s is read and is %s",
          member.path(),
          member.role());
    }
  }

  /** What it means to the array that a request to a member failed. */
  void noteFailure(DiskWatch disk, DeviceEvent event) {
    Roles roles = life.roles();
    boolean isLast = roles.inSync().equals(List.of(disk.disk())) && event.operation().changes();
    if (isLast || isReadByNobody(disk, roles, event)) {
      failedOnTheLast.add("at offset %d of %s".formatted(event.offsetBytes(), disk.disk().path()));
    }
    if (!roles.isInSync(disk.disk()) || roles.inSync().size() < 2) {
      return;
    }
    Coverage coverage = life.coverage();
    switch (event.operation()) {
      case READ, EXTENTS -> coverage.reached(State.MEMBER_FAILED_BY_A_READ);
      case FLUSH -> coverage.reached(State.MEMBER_FAILED_BY_A_FLUSH);
      case WRITE, WRITE_ZEROES, DISCARD -> coverage.reached(State.MEMBER_FAILED_BY_A_WRITE);
    }
    if (event.operation() == Operation.FLUSH
        && disk.disk().hasUnflushedWrites(OnDisk.DATA, life.sizeBytes())) {
      coverage.reached(State.FLUSH_FAILED_WITH_DATA_IN_THE_CACHE);
    }
    if (roles.inSync().size() == 2) {
      coverage.reached(State.LAST_BUT_ONE_MEMBER_FAILED);
    }
    ArrayStatus.SyncAction action = roles.status().sync().action();
    if (action == ArrayStatus.SyncAction.RESYNC) {
      coverage.reached(State.MEMBER_FAILED_DURING_RESYNC);
    } else if (action == ArrayStatus.SyncAction.RECOVERY) {
      coverage.reached(State.MEMBER_FAILED_DURING_RECOVERY);
    }
  }

  private boolean isReadByNobody(DiskWatch disk, Roles roles, DeviceEvent event) {
    if (event.operation() != Operation.READ) {
      return false;
    }
    Set<SimulatedDevice> failed =
        failedReads.computeIfAbsent(event.offsetBytes(), ignored -> new HashSet<>());
    failed.add(disk.disk());
    return failed.containsAll(roles.inSync());
  }

  boolean isBroken() {
    return life.roles().isBroken();
  }

  /**
   * I8, when a superblock that says clean has just reached a medium.
   *
   * @param wasBroken whether the array was when it was written
   */
  void afterSuperblock(DiskWatch disk, OnDisk before, boolean wasBroken) {
    OnDisk now = disk.superblock();
    Roles roles = life.roles();
    if (!roles.isInSync(disk.disk()) && !roles.rebuilding().contains(disk.disk())) {
      // What a member that hung says when it comes back is out of date.
      return;
    }
    if (before.isMember() && before.isRebuilding() && !now.isRebuilding() && now.countsItselfIn()) {
      life.rebuilt(disk.disk());
    }
    if (!now.isClean() || before.isClean()) {
      return;
    }
    life.coverage().reached(State.MARKED_CLEAN);
    require(!wasBroken, "I7: a broken array is marked clean on %s", disk.disk().path());
    SimulatedDevice first = roles.inSync().getFirst();
    for (SimulatedDevice member : roles.inSync()) {
      require(
          !member.hasUnflushedWrites(OnDisk.DATA, life.sizeBytes()) || isAllDurable(member),
          "I8: %s says clean while %s has data that is not durable",
          disk.disk().path(),
          member.path());
      if (roles.isComplete()) {
        List<Long> differences = first.differences(member, OnDisk.DATA, life.sizeBytes());
        require(
            differences.isEmpty(),
            "I8: %s says clean while %s and %s differ at %s",
            disk.disk().path(),
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

  /**
   * I3, I5, I7, when a client hears that its change was done: whoever would be taken for a member
   * in sync after a crash has it, durably if that was asked for.
   */
  void changed(Expected.Change change, boolean fua) {
    Roles roles = atSuccess("a change");
    Lagging.noteBehind(life.coverage(), roles);
    List<SimulatedDevice> unrecorded = unrecorded(roles);
    for (SimulatedDevice member : members(roles, unrecorded)) {
      boolean isOut = unrecorded.contains(member);
      for (int i = 0; (fua || isOut) && i < change.sectorCount(); i++) {
        long sector = change.offset / Pattern.SECTOR + i;
        String problem =
            change.problemWith(i, fua ? durableSector(member, sector) : sectorOf(member, sector));
        require(
            problem.isEmpty(),
            "%s: a change is acknowledged that is not on %s: %s",
            isOut ? "I3" : "I5",
            member.path(),
            problem);
      }
    }
    life.holdAll(roles, unrecorded);
  }

  /** The same of a flush, and all that it covers. */
  void flushed(Expected.Flush flush) {
    Roles roles = atSuccess("a flush");
    List<SimulatedDevice> unrecorded = unrecorded(roles);
    for (SimulatedDevice member : members(roles, unrecorded)) {
      String problem = flush.problemOn(sector -> durableSector(member, sector));
      require(
          problem.isEmpty(),
          "%s: a flush is acknowledged that did not reach %s: %s",
          unrecorded.contains(member) ? "I3" : "I5",
          member.path(),
          problem);
    }
    life.holdAll(roles, unrecorded);
  }

  private static List<SimulatedDevice> members(Roles roles, List<SimulatedDevice> unrecorded) {
    List<SimulatedDevice> all = new ArrayList<>(roles.inSync());
    all.addAll(unrecorded);
    return all;
  }

  private Roles atSuccess(String what) {
    Roles roles = life.roles();
    require(!roles.isBroken(), "I7: %s is acknowledged by a broken array", what);
    require(!roles.inSync().isEmpty(), "I7: %s is acknowledged with no member in sync", what);
    return roles;
  }

  /**
   * A client hears that its request failed: only where the last member in sync did, which another
   * may have joined by now, or where none could be read.
   */
  void atFailure(String what, String why) {
    Roles roles = life.roles();
    require(
        roles.isBroken()
            || roles.inSync().size() == 1
            || failedOnTheLast.stream().anyMatch(where -> why.contains(where + ":")),
        "I7: %s failed with %d members in sync: %s",
        what,
        roles.inSync().size(),
        why);
  }

  private static byte[] durableSector(SimulatedDevice member, long sector) {
    return member.readDurable(OnDisk.DATA + sector * Pattern.SECTOR, Pattern.SECTOR);
  }

  private static byte[] sectorOf(SimulatedDevice member, long sector) {
    return member.readNow(OnDisk.DATA + sector * Pattern.SECTOR, Pattern.SECTOR);
  }

  /** Whether a member failed and a survivor that was not told yet could take it for one in sync. */
  boolean isFailureUnrecorded(Roles roles) {
    return !unrecorded(roles).isEmpty();
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
