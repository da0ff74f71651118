package io.nbdmirror.raid.simulation;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** How often a run got into each of the states that a crash must find it in. */
final class Coverage {
  /** A state worth reaching. */
  enum State {
    POWER_CUT,
    PROCESS_KILL,
    CLEAN_STOP,
    CRASH_DURING_ASSEMBLY,
    CRASH_WHILE_STARTING,
    CRASH_DURING_SUPERBLOCK_UPDATE,
    CRASH_DURING_BITMAP_COMMIT,
    CRASH_DURING_FLUSH,
    CRASH_DURING_RESYNC,
    SECOND_CRASH_DURING_RESYNC,
    CRASH_DURING_CLEAN_STOP,
    CRASH_DURING_BITMAP_CHANGE,
    CRASH_WITH_A_FAILURE_NOT_YET_RECORDED,
    MEMBERS_DIFFER_AFTER_A_CRASH,
    SUPERBLOCKS_DIFFER_AFTER_A_CRASH,
    RESYNC_BY_BITMAP,
    RESYNC_IN_FULL,
    RESYNC_FINISHED,
    MEMBER_FAILED_BY_A_WRITE,
    MEMBER_FAILED_BY_A_READ,
    MEMBER_FAILED_BY_A_FLUSH,
    MEMBER_FAILED_DURING_RESYNC,
    LAST_BUT_ONE_MEMBER_FAILED,
    ERROR_ON_THE_LAST_MEMBER,
    NO_ROOM_ON_ANY_MEMBER,
    ARRAY_BROKEN,
    BITMAP_KICKED,
    BITMAP_CHANGED,
    BITMAP_CHANGE_REFUSED_BY_A_FAULT,
    STALE_BITMAP_FOUND,
    BITMAP_FILE_NOT_GIVEN,
    BITS_CLEARED,
    MARKED_CLEAN,
    MEMBER_DISAPPEARED_AND_CAME_BACK,
    STARTED_WITHOUT_A_MEMBER_IN_SYNC,
    STALE_MEMBER_LEFT_OUT,
    STALE_MEMBER_ALONE,
    ASSEMBLY_REFUSED_AS_INCOMPLETE,
    ASSEMBLY_REFUSED_AS_SPLIT,
    PART_OF_A_SECTOR_WRITTEN,
    OVERLAPPING_WRITES_IN_FLIGHT,
    REQUEST_REFUSED_WHILE_STOPPING,
    FLUSH_FAILED_WITH_DATA_IN_THE_CACHE,
    MEMBER_FAILED_BY_HAND,
    MEMBER_REMOVED,
    MEMBER_ADDED,
    ADD_REFUSED,
    MEMBER_RE_ADDED,
    RE_ADD_REFUSED,
    MEMBER_REPLACED,
    WRITE_MOSTLY_SET,
    WRITES_BEHIND,
    CRASH_WITH_WRITES_BEHIND,
    READ_FROM_A_MEMBER_THAT_LAGS,
    VERB_REFUSED,
    CRASH_DURING_RECOVERY,
    SECOND_CRASH_DURING_RECOVERY,
    RECOVERY_FINISHED,
    MEMBER_FAILED_DURING_RECOVERY,
    RECOVERY_PROGRESS_RECORDED,
    BIT_CLEARED,
    BIT_CLEARED_WHILE_ACTIVE,
    MEMBER_GIVEN_A_SLOT,
    FORMER_MEMBER_TRIED_AFTER_A_RECOVERY,
    CHECK_BEGUN,
    CHECK_STOPPED,
    REPAIR_BEGUN,
    CRASH_DURING_CHECK_OR_REPAIR,
    ARRAY_GROWN,
    GROWTH_REFUSED,
    CRASH_DURING_GROWTH,
    SLOTS_SET;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
  }

  private final Map<State, Long> counts = new EnumMap<>(State.class);

  void reached(State state) {
    counts.merge(state, 1L, Long::sum);
  }

  long count(State state) {
    return counts.getOrDefault(state, 0L);
  }

  void add(Coverage other) {
    other.counts.forEach((state, count) -> counts.merge(state, count, Long::sum));
  }

  List<State> missed() {
    List<State> missed = new ArrayList<>();
    for (State state : State.values()) {
      if (count(state) == 0) {
        missed.add(state);
      }
    }
    return missed;
  }
}
