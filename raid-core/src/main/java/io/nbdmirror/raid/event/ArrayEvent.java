package io.nbdmirror.raid.event;

/**
 * Something happened to an array or a member that an operator may want to hear of. Immutable.
 *
 * @param array the array's name as it is stored
 * @param member the path of the member it is about; empty when it is about the array
 * @param detail one sentence for a person
 */
public record ArrayEvent(Kind kind, String array, String member, String detail) {
  /** What happened; those that md knows have the names that {@code mdadm --monitor} gives them. */
  public enum Kind {
    /** The array was started. */
    NEW_ARRAY("NewArray"),
    /** The array was started without a member that it had. */
    DEGRADED_ARRAY("DegradedArray"),
    /** The array was stopped. */
    DEVICE_DISAPPEARED("DeviceDisappeared"),
    /** A member failed. */
    FAIL("Fail"),
    /** A spare, or a member that was being rebuilt, failed. */
    FAIL_SPARE("FailSpare"),
    /** A member that lacked data has all of it now. */
    SPARE_ACTIVE("SpareActive"),
    /** A resync, recovery, check or repair began. */
    REBUILD_STARTED("RebuildStarted"),
    /** It passed another fifth of the way. */
    REBUILD_PROGRESS("RebuildNN"),
    /** It ended, whether or not it was complete. */
    REBUILD_FINISHED("RebuildFinished"),
    /** A check or repair found members to differ. */
    MISMATCHES_FOUND("MismatchesFound"),
    /** A member was added, as a spare or to be rebuilt. */
    MEMBER_ADDED("MemberAdded"),
    /** A member was taken out. */
    MEMBER_REMOVED("MemberRemoved"),
    /** The write-intent bitmap cannot be written and is not used any more. */
    BITMAP_KICKED("BitmapKicked"),
    /** The array takes no write any more. */
    ARRAY_BROKEN("ArrayBroken");

    private final String word;

    Kind(String word) {
      this.word = word;
    }

    /** The name as programs are told it. */
    public String word() {
      return word;
    }
  }
}
