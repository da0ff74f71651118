package io.nbdmirror.raid.simulation;

import io.nbdmirror.raid.simulation.Coverage.State;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Notes in which states a crash finds disks and array. */
final class CrashStates {
  private CrashStates() {}

  static void noteDisks(Coverage coverage, List<DiskWatch> members, List<DiskWatch> files) {
    if (members.stream().anyMatch(DiskWatch::hasFlushInFlight)) {
      coverage.reached(State.CRASH_DURING_FLUSH);
    }
    if (members.stream().anyMatch(DiskWatch::hasSuperblockInFlight)) {
      coverage.reached(State.CRASH_DURING_SUPERBLOCK_UPDATE);
    }
    if (members.stream().anyMatch(DiskWatch::hasBitmapInFlight)
        || files.stream().anyMatch(DiskWatch::hasBitmapInFlight)) {
      coverage.reached(State.CRASH_DURING_BITMAP_COMMIT);
    }
  }

  /**
   * Of an array that runs.
   *
   * @param started whether it was left alone for a while since it was assembled
   */
  static void noteArray(
      World world, Roles roles, boolean started, ArrayChecks checks, @Nullable Verbs verbs) {
    Coverage coverage = world.tally.coverage;
    noteSync(world, roles.status().sync().action());
    if (!started) {
      coverage.reached(State.CRASH_WHILE_STARTING);
    }
    if (checks.isFailureUnrecorded(roles)) {
      coverage.reached(State.CRASH_WITH_A_FAILURE_NOT_YET_RECORDED);
    }
    if (verbs != null && verbs.isChangingBitmap()) {
      coverage.reached(State.CRASH_DURING_BITMAP_CHANGE);
    }
    if (verbs != null && verbs.isGrowing()) {
      coverage.reached(State.CRASH_DURING_GROWTH);
    }
  }

  private static void noteSync(World world, ArrayStatus.SyncAction action) {
    Coverage coverage = world.tally.coverage;
    boolean resyncing = action == ArrayStatus.SyncAction.RESYNC;
    boolean recovering = action == ArrayStatus.SyncAction.RECOVERY;
    world.crashesInResync = resyncing ? world.crashesInResync + 1 : 0;
    world.crashesInRecovery = recovering ? world.crashesInRecovery + 1 : 0;
    if (resyncing) {
      coverage.reached(State.CRASH_DURING_RESYNC);
    }
    if (world.crashesInResync > 1) {
      coverage.reached(State.SECOND_CRASH_DURING_RESYNC);
    }
    if (recovering) {
      coverage.reached(State.CRASH_DURING_RECOVERY);
    }
    if (world.crashesInRecovery > 1) {
      coverage.reached(State.SECOND_CRASH_DURING_RECOVERY);
    }
    if (action == ArrayStatus.SyncAction.CHECK || action == ArrayStatus.SyncAction.REPAIR) {
      coverage.reached(State.CRASH_DURING_CHECK_OR_REPAIR);
    }
  }
}
