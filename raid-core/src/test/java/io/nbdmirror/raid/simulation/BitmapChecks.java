package io.nbdmirror.raid.simulation;

import static io.nbdmirror.raid.simulation.Violation.require;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.simulation.Coverage.State;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What must hold of bits on a medium: when data follows them, when they go, where they are. */
final class BitmapChecks {
  private final Life life;
  private final List<DiskWatch> members;
  private final List<DiskWatch> files;

  BitmapChecks(Life life, List<DiskWatch> members, List<DiskWatch> files) {
    this.life = life;
    this.members = members;
    this.files = files;
  }

  /**
   * I1 and I6: the bits that must be durable when a range is written to, as that member's
   * superblock has it.
   *
   * @return what does not hold; empty when all does
   */
  String lackingBits(Roles roles, DiskWatch member, long start, long end) {
    OnDisk superblock = member.superblock();
    if (superblock.hasBitmap()) {
      return lackingBits(roles, member, superblock, false, start, end);
    }
    for (DiskWatch file : files) {
      String lacking = lackingBits(roles, file, superblock, true, start, end);
      if (!lacking.isEmpty()) {
        return lacking;
      }
    }
    return "";
  }

  private static String lackingBits(
      Roles roles, DiskWatch copy, OnDisk superblock, boolean inFile, long start, long end) {
    BitmapOnDisk bitmap = copy.bitmap();
    if (!bitmap.isTrusted(superblock, inFile)) {
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

  /** I2, when a write of a bitmap page is done: what its bits stood for need not be copied. */
  void written(DiskWatch copy, BitmapOnDisk before) {
    Roles roles = life.roles();
    BitmapOnDisk now = copy.bitmap();
    OnDisk superblock = superblockOf(roles, copy);
    if (superblock == null
        || roles.inSync().isEmpty()
        || before.chunkBytes() != now.chunkBytes()
        || before.sizeBytes() != now.sizeBytes()
        || !before.isTrusted(superblock, !copy.isMember())
        || !now.isTrusted(superblock, !copy.isMember())) {
      return;
    }
    for (long at = 0; at < now.sizeBytes(); at += now.chunkBytes()) {
      if (before.covers(at) && !now.covers(at)) {
        life.coverage().reached(State.BIT_CLEARED);
        if (!superblock.isClean()) {
          life.coverage().reached(State.BIT_CLEARED_WHILE_ACTIVE);
        }
        cleared(roles, copy, now, at, Math.min(now.chunkBytes(), now.sizeBytes() - at));
      }
    }
  }

  /** The superblock that the copy counts with; null when it counts no more. */
  private @Nullable OnDisk superblockOf(Roles roles, DiskWatch copy) {
    for (DiskWatch member : members) {
      boolean counts =
          copy.isMember()
              ? member.equals(copy) && member.superblock().hasBitmap()
              : !member.superblock().hasBitmap();
      if (counts && roles.isInSync(member.disk())) {
        return member.superblock();
      }
    }
    return null;
  }

  private void cleared(Roles roles, DiskWatch copy, BitmapOnDisk now, long start, long length) {
    require(
        !roles.isBroken(),
        "I7: a broken array clears the bit of byte %d on %s",
        start,
        copy.path());
    SimulatedDevice first = roles.inSync().getFirst();
    for (SimulatedDevice member : roles.inSync()) {
      require(
          !member.hasUnflushedWrites(OnDisk.DATA + start, length)
              || isAllDurable(member, start, length),
          "I2: the bit of byte %d is cleared on %s while %s has data there that is not durable",
          start,
          copy.path(),
          member.path());
      require(
          first.differences(member, OnDisk.DATA + start, length).isEmpty(),
          "I2: the bit of byte %d is cleared on %s while %s and %s differ there",
          start,
          copy.path(),
          first.path(),
          member.path());
    }
    for (DiskWatch former : members) {
      if (mayComeBack(roles, former, now.eventsCleared())) {
        require(
            former.disk().sizeBytes() < OnDisk.DATA + start + length
                || first.differences(former.disk(), OnDisk.DATA + start, length).isEmpty(),
            "I2: the bit of byte %d is cleared on %s, where events_cleared is %d: %s lacks data there, and may be re-added at event %d",
            start,
            copy.path(),
            now.eventsCleared(),
            former.path(),
            former.superblock().events());
      }
    }
  }

  /** Whether a member that left would be taken back by the bitmap (md.md 1.4). */
  private boolean mayComeBack(Roles roles, DiskWatch former, long eventsCleared) {
    OnDisk own = former.superblock();
    if (!own.countsItselfIn()
        || own.isRebuilding()
        || own.events() < eventsCleared
        || roles.isInSync(former.disk())
        || roles.rebuilding().contains(former.disk())) {
      return false;
    }
    return members.stream()
        .anyMatch(member ->
            roles.isInSync(member.disk())
                && own.countsIn(member.superblock())
                && own.events() <= member.superblock().events());
  }

  private static boolean isAllDurable(SimulatedDevice member, long start, long length) {
    return Arrays.equals(
        member.readNow(OnDisk.DATA + start, (int) length),
        member.readDurable(OnDisk.DATA + start, (int) length));
  }

  /** I13, when a member is recorded in sync: the bits that writes count on are on it. */
  void onNewMember(DiskWatch member, WriteIntentBitmap bitmap) {
    OnDisk superblock = member.superblock();
    if (!superblock.hasBitmap()
        || life.roles().status().bitmap().kind() != ArrayStatus.BitmapKind.INTERNAL) {
      return;
    }
    BitmapOnDisk copy = member.bitmap();
    require(
        copy.isTrusted(superblock, false),
        "I13: %s is recorded in sync without a bitmap",
        member.path());
    for (int chunk = 0; chunk < bitmap.geometry().chunks(); chunk++) {
      long start = bitmap.geometry().chunkStartBytes(chunk);
      require(
          !bitmap.pages().isDurable(chunk) || copy.covers(start),
          "I13: %s is recorded in sync and lacks the bit of byte %d",
          member.path(),
          start);
    }
  }

  /** Whether a copy of what lies there follows from what is durable: a bit, or a full resync. */
  boolean isMarked(DiskWatch member, long offset) {
    OnDisk superblock = member.superblock();
    if (superblock.hasBitmap()) {
      return !member.bitmap().isTrusted(superblock, false) || member.bitmap().covers(offset);
    }
    boolean trusted = false;
    for (DiskWatch file : files) {
      if (file.bitmap().isTrusted(superblock, true)) {
        trusted = true;
        if (file.bitmap().covers(offset)) {
          return true;
        }
      }
    }
    return !trusted && !superblock.isClean();
  }
}
