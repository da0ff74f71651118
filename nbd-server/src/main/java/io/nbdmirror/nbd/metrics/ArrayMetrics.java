package io.nbdmirror.nbd.metrics;

import io.nbdmirror.nbd.array.ArrayPoll;
import io.nbdmirror.nbd.array.ArraySnapshot;
import io.nbdmirror.raid.status.ArrayCounters;
import io.nbdmirror.raid.status.ArrayStatus;
import io.prometheus.metrics.model.snapshots.Labels;

/** The metrics of the arrays, their members, bitmaps and resyncs. */
final class ArrayMetrics {
  private ArrayMetrics() {}

  static void collect(ArrayPoll poll, Families families) {
    for (ArraySnapshot snapshot : poll.answered()) {
      ArrayStatus status = snapshot.status();
      Labels array = Labels.of("array", snapshot.name());
      answers(families, array, 1);
      array(families, status, array);
      members(families, status, array);
      families.gauge(
          "nbdmirror_corrected_reads",
          "Blocks that members could not read and that were mended from another, over all times.",
          snapshot.counters().correctedReads(),
          array);
      bitmap(families, status, snapshot.counters(), array);
      sync(families, status, snapshot.counters(), array);
    }
    poll.silent().forEach(name -> answers(families, Labels.of("array", name), 0));
  }

  private static void answers(Families families, Labels array, int value) {
    families.gauge(
        "nbdmirror_array_answers",
        "1 if the array told its state in time, 0 if its loop is stuck or overloaded.",
        value,
        array);
  }

  private static void array(Families families, ArrayStatus status, Labels array) {
    families.gauge(
        "nbdmirror_array_size_bytes", "Usable size of the array.", status.sizeBytes(), array);
    for (ArrayStatus.State state : ArrayStatus.State.values()) {
      families.gauge(
          "nbdmirror_array_state",
          "1 for the state the array is in, 0 for the others.",
          state == status.state() ? 1 : 0,
          array.add("state", state.toString()));
    }
  }

  private static void members(Families families, ArrayStatus status, Labels array) {
    for (ArrayStatus.Role role : ArrayStatus.Role.values()) {
      families.gauge(
          "nbdmirror_members",
          "How many of the array's members are in this state.",
          status.members().stream().filter(member -> member.role() == role).count(),
          array.add("state", role.toString()));
    }
    families.gauge(
        "nbdmirror_members_required",
        "How many members the array has when it is whole.",
        status.members().stream()
            .mapToInt(ArrayStatus.Member::slot)
            .filter(slot -> slot >= 0)
            .distinct()
            .count(),
        array);
    for (ArrayStatus.Member member : status.members()) {
      if (member.path().isEmpty()) {
        continue;
      }
      Labels labels = array.add("member", member.path());
      String help = "I/O errors of a member since the array was assembled.";
      families.counter(
          "nbdmirror_member_io_errors", help, member.readErrors(), labels.add("op", "read"));
      families.counter(
          "nbdmirror_member_io_errors", help, member.writeErrors(), labels.add("op", "write"));
      families.gauge(
          "nbdmirror_writes_behind",
          "Acknowledged writes that a write-mostly member does not have yet.",
          member.behind(),
          labels);
    }
  }

  private static void bitmap(
      Families families, ArrayStatus status, ArrayCounters counters, Labels array) {
    ArrayStatus.Bitmap bitmap = status.bitmap();
    for (ArrayStatus.BitmapKind kind : ArrayStatus.BitmapKind.values()) {
      families.gauge(
          "nbdmirror_bitmap_kind",
          "1 for the kind of write-intent bitmap the array has, 0 for the others.",
          kind == bitmap.kind() ? 1 : 0,
          array.add("kind", kind.toString()));
    }
    families.gauge(
        "nbdmirror_bitmap_chunks", "Bits in the write-intent bitmap.", bitmap.chunks(), array);
    families.gauge(
        "nbdmirror_bitmap_chunk_bytes",
        "Bytes of the array that one bit stands for.",
        bitmap.chunkBytes(),
        array);
    families.gauge(
        "nbdmirror_bitmap_dirty_chunks",
        "Bits of the write-intent bitmap that are set.",
        bitmap.dirtyChunks(),
        array);
    families.counter(
        "nbdmirror_bitmap_pages_flushed",
        "Bitmap pages written, each counted once however many copies it has.",
        counters.bitmapPagesWritten(),
        array);
    families.counter(
        "nbdmirror_bitmap_commits",
        "Group commits of the bitmap that writes waited for.",
        counters.bitmapCommits(),
        array);
    families.counter(
        "nbdmirror_superblock_updates",
        "Times that all superblocks were brought up to date.",
        counters.superblockUpdates(),
        array);
    families.counter(
        "nbdmirror_member_failures",
        "Members that the array has failed.",
        counters.memberFailures(),
        array);
  }

  private static void sync(
      Families families, ArrayStatus status, ArrayCounters counters, Labels array) {
    ArrayStatus.Sync sync = status.sync();
    for (ArrayStatus.SyncAction action : ArrayStatus.SyncAction.values()) {
      families.gauge(
          "nbdmirror_sync_action",
          "1 for what runs in the background, 0 for the others.",
          action == sync.action() ? 1 : 0,
          array.add("action", action.toString()));
    }
    families.gauge(
        "nbdmirror_resync_done_bytes", "How far the resync is.", sync.doneBytes(), array);
    families.gauge(
        "nbdmirror_resync_size_bytes", "How far the resync has to go.", sync.totalBytes(), array);
    families.gauge(
        "nbdmirror_resync_bytes_per_second",
        "Speed at which the resync progresses.",
        sync.bytesPerSecond(),
        array);
    if (sync.etaSeconds() >= 0) {
      families.gauge(
          "nbdmirror_resync_eta_seconds",
          "When the resync is expected to be done; absent when that cannot be told.",
          sync.etaSeconds(),
          array);
    }
    families.counter(
        "nbdmirror_resync_bytes",
        "Bytes that resync and recovery wrote to members.",
        counters.resyncCopiedBytes(),
        array);
    families.gauge(
        "nbdmirror_mismatches",
        "Ranges in which members were found to differ.",
        status.mismatches().size(),
        array);
    families.gauge(
        "nbdmirror_mismatch_bytes",
        "Bytes in which members were found to differ.",
        status.mismatchBytes(),
        array);
  }
}
