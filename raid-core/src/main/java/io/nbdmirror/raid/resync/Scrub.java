package io.nbdmirror.raid.resync;

import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The check or repair that was asked for last, how far it is, and where members are known to
 * differ. One that was cut short goes on there when the same is asked for again; another begins at
 * the start, and so does one after the end. Used on the array's loop.
 */
final class Scrub {
  private final Mismatches mismatches = new Mismatches();
  private SyncAction action = SyncAction.IDLE;
  private @Nullable String fromPath;
  private boolean wanted;
  private long position;

  /**
   * @param what CHECK or REPAIR
   * @param path whose data is to be everybody's; null for whom resync would take
   */
  void ask(SyncAction what, @Nullable String path) {
    if (what != action || !Objects.equals(path, fromPath)) {
      position = 0;
    }
    action = what;
    fromPath = path;
    wanted = true;
    if (what == SyncAction.CHECK && position == 0) {
      mismatches.clear();
    }
  }

  /** Whether it was asked for and has not begun. */
  boolean isWanted() {
    return wanted;
  }

  void begun() {
    wanted = false;
  }

  SyncAction action() {
    return action;
  }

  /** Whose data is to be everybody's; null for whom resync would take. */
  @Nullable String fromPath() {
    return fromPath;
  }

  /** Everything before has been looked at, in bytes of the array. */
  long position() {
    return position;
  }

  void stoppedAt(long positionBytes) {
    position = positionBytes;
  }

  /** All of the array has been looked at. */
  void completed() {
    position = 0;
    if (action == SyncAction.REPAIR) {
      mismatches.clear();
    }
  }

  Mismatches mismatches() {
    return mismatches;
  }
}
