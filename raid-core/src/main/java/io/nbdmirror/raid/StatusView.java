package io.nbdmirror.raid;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.raid.bitmap.ArrayBitmap;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.resync.Doubt;
import io.nbdmirror.raid.resync.SyncEngine;
import io.nbdmirror.raid.status.ArrayCounters;
import io.nbdmirror.raid.status.ArrayDetail;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Takes an array's picture for those who ask. Used on the array's loop. */
final class StatusView {
  private final Mirror.Found found;
  private final Members members;
  private final ArrayHealth health;
  private final SyncEngine sync;
  private final Doubt doubt;
  private final LongSupplier sizeBytes;

  /** Takes what it shows from these; {@code sizeBytes} is asked each time. */
  StatusView(
      Mirror.Found found,
      ArrayHealth health,
      SyncEngine sync,
      Doubt doubt,
      LongSupplier sizeBytes) {
    this.found = found;
    this.health = health;
    this.sync = sync;
    this.doubt = doubt;
    this.sizeBytes = sizeBytes;
    members = found.members();
  }

  ArrayStatus status() {
    return new ArrayStatus(
        found.name(),
        found.uuid().toString(),
        sizeBytes.getAsLong(),
        state(),
        memberStatuses(),
        bitmapStatus(),
        syncStatus(),
        sync.mismatches(),
        sync.mismatchBytes());
  }

  private ArrayStatus.State state() {
    if (health.broken() != null) {
      return ArrayStatus.State.BROKEN;
    }
    if (found.readOnly()) {
      return ArrayStatus.State.READ_ONLY;
    }
    if (members.isDegraded()) {
      return ArrayStatus.State.DEGRADED;
    }
    return health.updates().isActive() || !doubt.isEmpty()
        ? ArrayStatus.State.ACTIVE
        : ArrayStatus.State.CLEAN;
  }

  /** Every slot, empty ones included, then those who have none. */
  private List<@Nullable Member> seats() {
    List<@Nullable Member> seats = new ArrayList<>();
    for (int slot = 0; slot < members.slots(); slot++) {
      seats.add(members.inSlot(slot));
    }
    for (Member member : members.all()) {
      if (!seats.contains(member)) {
        seats.add(member);
      }
    }
    return seats;
  }

  private List<ArrayStatus.Member> memberStatuses() {
    List<ArrayStatus.Member> list = new ArrayList<>();
    for (Member member : seats()) {
      list.add(
          member == null
              ? new ArrayStatus.Member("", list.size(), ArrayStatus.Role.MISSING, false, 0, 0, 0)
              : new ArrayStatus.Member(
                  member.path(),
                  member.slot(),
                  roleOf(member),
                  member.isWriteMostly(),
                  member.readErrors(),
                  member.writeErrors(),
                  member.writesBehind()));
    }
    return list;
  }

  private static ArrayStatus.Role roleOf(Member member) {
    return switch (member.state()) {
      case IN_SYNC -> ArrayStatus.Role.IN_SYNC;
      case REBUILDING -> ArrayStatus.Role.REBUILDING;
      case SPARE -> ArrayStatus.Role.SPARE;
      case FAULTY -> ArrayStatus.Role.FAULTY;
    };
  }

  private ArrayStatus.Bitmap bitmapStatus() {
    WriteIntentBitmap bitmap = health.bitmap();
    ArrayStatus.BitmapKind kind = kindOf(health.arrayBitmap());
    if (kind == ArrayStatus.BitmapKind.NONE) {
      return new ArrayStatus.Bitmap(kind, 0, 0, 0);
    }
    return new ArrayStatus.Bitmap(
        kind, bitmap.geometry().chunkBytes(), bitmap.geometry().chunks(), bitmap.dirtyChunks());
  }

  private static ArrayStatus.BitmapKind kindOf(ArrayBitmap bitmap) {
    if (bitmap.failure() != null) {
      return ArrayStatus.BitmapKind.KICKED;
    }
    return switch (bitmap.place().kind()) {
      case INTERNAL -> ArrayStatus.BitmapKind.INTERNAL;
      case RAW -> ArrayStatus.BitmapKind.RAW;
      case FILE -> ArrayStatus.BitmapKind.FILE;
      case NONE -> ArrayStatus.BitmapKind.NONE;
    };
  }

  private ArrayStatus.Sync syncStatus() {
    long total = sizeBytes.getAsLong();
    if (!sync.isRunning()) {
      return new ArrayStatus.Sync(ArrayStatus.SyncAction.IDLE, 0, total, sync.copiedBytes(), 0, -1);
    }
    long speed = sync.bytesPerSecond();
    long eta = speed > 0 ? (total - sync.position()) / speed : -1;
    return new ArrayStatus.Sync(
        sync.action(), sync.position(), total, sync.copiedBytes(), speed, eta);
  }

  ArrayDetail detail() {
    MdSuperblock superblock = members.all().getFirst().superblock();
    List<ArrayDetail.MemberDetail> list = new ArrayList<>();
    for (Member member : seats()) {
      list.add(
          member == null
              ? new ArrayDetail.MemberDetail("", list.size(), "", 0, 0)
              : new ArrayDetail.MemberDetail(
                  member.path(),
                  member.slot(),
                  member.superblock().deviceUuid().toString(),
                  member.dataOffsetBytes(),
                  member.pendingReads()));
    }
    return new ArrayDetail(
        status(),
        versionOf(superblock),
        MdSuperblock.unpackTime(superblock.ctime()),
        MdSuperblock.unpackTime(superblock.utime()),
        health.updates().events(),
        health.arrayBitmap().isStored() ? health.bitmap().superblock().eventsCleared() : 0,
        list);
  }

  /** Where the superblock lies tells the minor version: at the start, 4 KiB in, or at the end. */
  private static String versionOf(MdSuperblock superblock) {
    if (superblock.superOffset() == 0) {
      return "1.1";
    }
    return superblock.superOffset() == 8 ? "1.2" : "1.0";
  }

  ArrayCounters counters() {
    return new ArrayCounters(
        health.bitmap().commits().pagesWritten(),
        health.bitmap().commits().commits(),
        sync.copiedBytes(),
        health.updates().updates(),
        health.memberFailures(),
        correctedReads());
  }

  private long correctedReads() {
    long corrected = 0;
    for (Member member : members.all()) {
      corrected += member.correctedReads();
    }
    return corrected;
  }
}
