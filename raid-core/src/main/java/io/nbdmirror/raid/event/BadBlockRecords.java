package io.nbdmirror.raid.event;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.badblocks.BadBlocks;
import io.nbdmirror.raid.member.Member;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records that blocks of a member are bad, and forgets it once they were written. What is recorded
 * goes with the next update of the superblocks; so a write that waits for that is answered only
 * when the medium says which member lacks it. What was written is forgotten only after a flush:
 * else a power cut could bring back old data that nothing marks as such. Used on the array's loop.
 */
public final class BadBlockRecords {
  private static final Logger log = LoggerFactory.getLogger(BadBlockRecords.class);

  /** A range that was written and is bad no more when a flush has ended. */
  private record Written(Member member, long startSector, long endSector) {}

  private final ArrayHealth health;
  private final List<Written> written = new ArrayList<>();

  BadBlockRecords(ArrayHealth health) {
    this.health = health;
  }

  /**
   * A range of the array is bad on {@code member}. Where its log has no room for that the member
   * fails.
   *
   * @param why for the log
   * @return whether it is recorded; false also when it had to be and the member is the last in sync
   */
  public boolean record(Member member, long startBytes, long endBytes, DeviceException why) {
    long start = member.sector(startBytes);
    long end = member.sector(endBytes);
    BadBlocks bad = member.badBlocks();
    // Written before and failed now: what waits for the flush is not to forget it.
    written.removeIf(
        range -> range.member.equals(member) && range.startSector < end && start < range.endSector);
    if (bad.covers(start, end)) {
      return true;
    }
    if (!bad.add(start, end)) {
      health.fail(member, why);
      return false;
    }
    log.error(
        "{}: {} bytes at offset {} of the array are recorded as bad: {}",
        member.path(),
        endBytes - startBytes,
        startBytes,
        why.getMessage());
    health.updates().recordChange();
    return true;
  }

  /**
   * A range of the array was written to {@code member}: blocks of it that were bad are so no more.
   */
  public void written(Member member, long startBytes, long endBytes) {
    if (!member.isBad(startBytes, endBytes)) {
      return;
    }
    Written range = new Written(member, member.sector(startBytes), member.sector(endBytes));
    written.add(range);
    member.flush(failure -> {
      if (failure != null) {
        written.remove(range);
        health.flushFailed(member, failure);
      } else if (written.remove(range)
          && member.isWritable()
          && member.badBlocks().remove(range.startSector, range.endSector)) {
        log.info(
            "{}: sectors {} to {} were bad and have been written",
            member.path(),
            range.startSector,
            range.endSector);
        health.updates().recordChange();
      }
    });
  }
}
