package io.nbdmirror.raid.status;

import java.util.List;
import java.util.Locale;

/**
 * One array as {@code status --json} shows it. Immutable; taken on the array's loop, read anywhere.
 *
 * @param sizeBytes usable size of the array
 * @param mismatches where the last check found members to differ, but for what a repair made the
 *     same since; no more than 4096 of them
 * @param mismatchBytes in how many bytes, those of ranges that are not listed with them
 */
public record ArrayStatus(
    String name,
    String uuid,
    long sizeBytes,
    State state,
    List<Member> members,
    Bitmap bitmap,
    Sync sync,
    List<Mismatch> mismatches,
    long mismatchBytes) {

  /** The worst that is true of the array, as one word. */
  public enum State {
    CLEAN,
    ACTIVE,
    DEGRADED,
    BROKEN,
    READ_ONLY;

    @Override
    public String toString() {
      return word(this);
    }
  }

  /** What a member is to the array. */
  public enum Role {
    IN_SYNC,
    REBUILDING,
    SPARE,
    FAULTY,
    MISSING;

    @Override
    public String toString() {
      return word(this);
    }
  }

  /** Where the write-intent bitmap lives. */
  public enum BitmapKind {
    INTERNAL,
    RAW,
    FILE,
    NONE,
    KICKED;

    @Override
    public String toString() {
      return word(this);
    }
  }

  /** What runs in the background. */
  public enum SyncAction {
    IDLE,
    RESYNC,
    RECOVERY,
    CHECK,
    REPAIR;

    @Override
    public String toString() {
      return word(this);
    }
  }

  /**
   * One slot of the array, or a spare.
   *
   * @param path empty when the member is missing
   * @param slot 0 and up; -1 for a spare
   * @param behind acknowledged writes that it does not have yet (md's write-behind)
   */
  public record Member(
      String path,
      int slot,
      Role role,
      boolean writeMostly,
      long readErrors,
      long writeErrors,
      int behind) {}

  /**
   * @param chunkBytes bytes of the array that one bit stands for
   * @param chunks how many bits there are
   * @param dirtyChunks how many of them are set
   */
  public record Bitmap(BitmapKind kind, long chunkBytes, long chunks, long dirtyChunks) {}

  /**
   * @param doneBytes how far the action is through {@code totalBytes}
   * @param copiedBytes what it really wrote to members
   * @param etaSeconds -1 when unknown
   */
  public record Sync(
      SyncAction action,
      long doneBytes,
      long totalBytes,
      long copiedBytes,
      long bytesPerSecond,
      long etaSeconds) {}

  /** A range in which members were found to differ. */
  public record Mismatch(long offsetBytes, long lengthBytes) {}

  private static String word(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
