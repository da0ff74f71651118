package io.nbdmirror.raid.mend;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.event.InFlight;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.member.ReadErrorRate;
import io.nbdmirror.raid.read.ReadPath;
import io.nbdmirror.raid.write.WriteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * What follows a member's read error: it is counted, and too many in an hour fail the member; else
 * {@link RangeMending} writes the range anew. In an array that must not be written to, the member
 * is left out instead where its word would be needed again. Used on the array's loop.
 */
public final class ReadErrorMending implements ReadPath.Mender {
  /** Ranges that are mended at once, of those that nobody waits for. */
  private static final int MAX_AT_ONCE = 8;

  final Members members;
  final WriteOrder order;
  final ArrayHealth health;
  final InFlight inFlight;

  private final boolean readOnly;
  private final Scheduler clock;
  private final List<RangeMending> running = new ArrayList<>();

  /**
   * Nothing is mended yet.
   *
   * @param inFlight counts a mending as a read
   */
  public ReadErrorMending(
      Members members,
      WriteOrder order,
      ArrayHealth health,
      InFlight inFlight,
      boolean readOnly,
      Scheduler clock) {
    this.members = members;
    this.order = order;
    this.health = health;
    this.inFlight = inFlight;
    this.readOnly = readOnly;
    this.clock = clock;
  }

  @Override
  public void mend(Member member, long startBytes, long endBytes, boolean ordered, Listener done) {
    if (!member.isInSync()) {
      done.mended(true);
    } else if (mayNotWrite()) {
      done.mended(health.fail(member, cannotMend(member)));
    } else if (hasTooMany(member)) {
      done.mended(health.fail(member, tooMany(member)));
    } else {
      start(new RangeMending(this, member, startBytes, endBytes, ordered, done));
    }
  }

  @Override
  public void mendMeanwhile(Member member, long startBytes, long endBytes) {
    if (!member.isInSync() || mayNotWrite() || isBusyWith(member, startBytes, endBytes)) {
      return;
    }
    if (hasTooMany(member)) {
      health.fail(member, tooMany(member));
    } else {
      start(new RangeMending(this, member, startBytes, endBytes, false, mended -> {}));
    }
  }

  private void start(RangeMending mending) {
    running.add(mending);
    inFlight.start();
    mending.start();
  }

  private boolean mayNotWrite() {
    return readOnly || health.broken() != null;
  }

  private boolean hasTooMany(Member member) {
    return member.readErrorRate().count(clock.nanoTime());
  }

  /** Whether the range is being mended already, or enough others are. */
  private boolean isBusyWith(Member member, long startBytes, long endBytes) {
    if (running.size() >= MAX_AT_ONCE) {
      return true;
    }
    for (RangeMending mending : running) {
      if (mending.covers(member, startBytes, endBytes)) {
        return true;
      }
    }
    return false;
  }

  void ended(RangeMending mending) {
    running.remove(mending);
    inFlight.end();
  }

  private static DeviceException cannotMend(Member member) {
    return new DeviceException(
        Errno.EIO, member.path() + " cannot be read, and not be mended while nothing is written");
  }

  private static DeviceException tooMany(Member member) {
    return new DeviceException(
        Errno.EIO,
        "%s had more than %d read errors lately"
            .formatted(member.path(), ReadErrorRate.MAX_ERRORS));
  }
}
