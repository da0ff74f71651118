package io.nbdmirror.raid.event;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.member.GuardedDevice;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fails a member that hangs, so that one dead disk doesn't stop the mirror: one timer looks at the
 * oldest request of every member. While no other member in sync answers either, there is nobody to
 * go on with, and all are waited for (I7). Used on the array's loop.
 */
public final class HangWatch {
  private static final Logger log = LoggerFactory.getLogger(HangWatch.class);

  /** How long a request may take. */
  public static final long DEFAULT_TIMEOUT_NANOS = 30_000_000_000L;

  /** The timer runs this often in a time-out: a hang is noticed at most one part late. */
  private static final int TICKS = 8;

  private final Members members;
  private final ArrayHealth health;
  private final Scheduler scheduler;
  private long timeoutNanos = DEFAULT_TIMEOUT_NANOS;
  private Scheduler.@Nullable Timer timer;
  private boolean waiting;

  public HangWatch(Members members, ArrayHealth health, Scheduler scheduler) {
    this.members = members;
    this.health = health;
    this.scheduler = scheduler;
  }

  /** How long a request to a member may take; in force from the next tick on. */
  public void setTimeoutNanos(long nanos) {
    timeoutNanos = nanos;
    if (timer != null) {
      stop();
      start();
    }
  }

  /** Looks from now on. */
  public void start() {
    timer = scheduler.repeat(this::look, Math.max(1, timeoutNanos / TICKS));
  }

  /** Looks no more. */
  public void stop() {
    Scheduler.Timer running = timer;
    timer = null;
    if (running != null) {
      running.cancel();
    }
  }

  private void look() {
    for (int i = 0; i < members.all().size(); i++) {
      members.all().get(i).device().tick();
    }
    boolean nobodyElse = false;
    for (int i = 0; i < members.all().size(); i++) {
      Member member = members.all().get(i);
      if (hangs(member)) {
        if (member.isInSync() && !anotherAnswers(member)) {
          nobodyElse = true;
          waitFor(member);
        } else {
          giveUp(member);
        }
      }
    }
    waiting = nobodyElse;
  }

  private static boolean hangs(Member member) {
    return member.device().oldestTicks() > TICKS;
  }

  private boolean anotherAnswers(Member hung) {
    for (int i = 0; i < members.all().size(); i++) {
      Member member = members.all().get(i);
      if (!member.equals(hung) && member.isInSync() && !hangs(member)) {
        return true;
      }
    }
    return false;
  }

  private void waitFor(Member member) {
    if (!waiting) {
      log.error(
          "{} has not answered for {} seconds and no other member in sync does: it is waited for",
          member.path(),
          timeoutNanos / 1_000_000_000);
    }
  }

  private void giveUp(Member member) {
    GuardedDevice device = member.device();
    DeviceException why =
        new DeviceException(
            Errno.ETIMEDOUT,
            "%s has not answered for %d seconds"
                .formatted(member.path(), timeoutNanos / 1_000_000_000));
    // Out before anybody hears of it: who is answered now asks somebody else.
    health.fail(member, why);
    device.abandon(why);
  }
}
