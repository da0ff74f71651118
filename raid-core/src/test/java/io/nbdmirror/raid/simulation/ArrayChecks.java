package io.nbdmirror.raid.simulation;

import static io.nbdmirror.raid.simulation.Violation.require;

import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.simulation.Coverage.State;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;

/**
 * What must hold at every request to a disk and at every answer to a client, invariant by
 * invariant.
 */
final class ArrayChecks {
  private final Life life;
  private final List<DiskWatch> members;
  private final BitmapChecks bitmaps;
  private final SuperblockChecks superblocks;
  private static final java.util.regex.Pattern READ =
      java.util.regex.Pattern.compile("read (\\d+) bytes at offset (\\d+) of ");

  private record Range(long start, long end) {
    Range and(Range other) {
      return new Range(Math.max(start, other.start), Math.min(end, other.end));
    }

    boolean isSome() {
      return start < end;
    }
  }

  private final Set<String> failedOnTheLast = new HashSet<>();

  /** Where each could not be read: offset and end. */
  private final Map<SimulatedDevice, List<Range>> failedReads = new HashMap<>();

  ArrayChecks(Life life, List<DiskWatch> members, List<DiskWatch> files) {
    this.life = life;
    this.members = members;
    bitmaps = new BitmapChecks(life, members, files);
    superblocks = new SuperblockChecks(life, members, bitmaps);
  }

  BitmapChecks bitmaps() {
    return bitmaps;
  }

  SuperblockChecks superblocks() {
    return superblocks;
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
        String lacking = bitmaps.lackingBits(roles, member, start, start + event.lengthBytes());
        if (!lacking.isEmpty()) {
          return lacking;
        }
      }
    }
    return "";
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

  /**
   * I14, before the first bitmap or superblock of a member that is given a slot: no write is on its
   * way to the others. What mends a read error is, and what a resync or recovery copies: those hold
   * their range until the newcomer has its turn.
   */
  void beforeNewcomer(DiskWatch newcomer) {
    Roles roles = life.roles();
    ArrayStatus.SyncAction action = roles.status().sync().action();
    if (!roles.rebuilding().contains(newcomer.disk())
        || newcomer.superblock().countsItselfIn()
        || !failedReads.isEmpty()
        || action == ArrayStatus.SyncAction.RESYNC
        || action == ArrayStatus.SyncAction.RECOVERY) {
      return;
    }
    life.coverage().reached(State.MEMBER_GIVEN_A_SLOT);
    for (DiskWatch member : members) {
      require(
          !roles.isInSync(member.disk()) || !member.hasDataInFlight(),
          "I14: %s is given a slot while a write to %s is on its way",
          newcomer.path(),
          member.path());
    }
  }

  /** What it means to the array that a request to a member failed. */
  void noteFailure(DiskWatch disk, DeviceEvent event) {
    Roles roles = life.roles();
    if (event.operation() == Operation.READ) {
      failedReads
          .computeIfAbsent(disk.disk(), ignored -> new ArrayList<>())
          .add(new Range(event.offsetBytes(), event.offsetBytes() + event.lengthBytes()));
    }
    if (roles.inSync().equals(List.of(disk.disk())) && event.operation().changes()) {
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

  /** Whether there is a byte in what could not be read that nobody in sync could read. */
  private boolean isReadByNobody(Roles roles, String why) {
    Matcher read = READ.matcher(why);
    if (!read.find()) {
      return false;
    }
    long offset = Long.parseLong(read.group(2));
    List<Range> left = List.of(new Range(offset, offset + Long.parseLong(read.group(1))));
    for (SimulatedDevice member : roles.inSync()) {
      List<Range> failed = failedReads.getOrDefault(member, List.of());
      left =
          left.stream()
              .flatMap(range -> failed.stream().map(range::and))
              .filter(Range::isSome)
              .toList();
    }
    return !left.isEmpty();
  }

  boolean isBroken() {
    return life.roles().isBroken();
  }

  /**
   * I3, I5, I7, when a client hears that its change was done: whoever would be taken for a member
   * in sync after a crash has it, durably if that was asked for.
   */
  void changed(Expected.Change change, boolean fua) {
    Roles roles = atSuccess("a change");
    Lagging.noteBehind(life.coverage(), roles);
    Set<String> behind = Lagging.behind(roles.status());
    List<SimulatedDevice> unrecorded = superblocks.unrecorded(roles);
    for (SimulatedDevice member : members(roles, unrecorded)) {
      boolean isOut = unrecorded.contains(member);
      boolean mayLag = !fua && !isOut && behind.contains(member.path());
      for (int i = 0; !mayLag && i < change.sectorCount(); i++) {
        long sector = change.offset / Pattern.SECTOR + i;
        String problem =
            change.problemWith(i, fua ? durableSector(member, sector) : sectorOf(member, sector));
        require(
            problem.isEmpty(),
            "%s: a change is acknowledged that is not on %s: %s",
            fua && !isOut ? "I5" : "I3",
            member.path(),
            problem);
      }
    }
    life.holdAll(roles, unrecorded);
  }

  /** The same of a flush, and all that it covers. */
  void flushed(Expected.Flush flush) {
    Roles roles = atSuccess("a flush");
    List<SimulatedDevice> unrecorded = superblocks.unrecorded(roles);
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
    superblocks.checkFailuresRecorded(roles);
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
            || failedOnTheLast.stream().anyMatch(where -> why.contains(where + ":"))
            || isReadByNobody(roles, why),
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
    return !superblocks.unrecorded(roles).isEmpty();
  }
}
