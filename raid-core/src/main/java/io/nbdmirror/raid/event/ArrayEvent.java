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
    /** It has come a fifth of the way. */
    REBUILD_20("Rebuild20"),
    /** It has come two fifths of the way. */
    REBUILD_40("Rebuild40"),
    /** It has come three fifths of the way. */
    REBUILD_60("Rebuild60"),
    /** It has come four fifths of the way. */
    REBUILD_80("Rebuild80"),
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

    /**
     * How far a resync, recovery, check or repair has come.
     *
     * @param fifths 1 to 4
     */
    public static Kind rebuilt(int fifths) {
      return switch (fifths) {
        case 1 -> REBUILD_20;
        case 2 -> REBUILD_40;
        case 3 -> REBUILD_60;
        case 4 -> REBUILD_80;
        default -> throw new IllegalArgumentException(fifths + " fifths are not told of");
      };
    }

    /** The name as programs are told it. */
    public String word() {
      return word;
    }
  }
}
