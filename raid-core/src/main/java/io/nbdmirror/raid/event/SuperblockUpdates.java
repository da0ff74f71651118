package io.nbdmirror.raid.event;

import static io.nbdmirror.bitmap.pages.PageAttributes.Attribute.DIRTY;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.bitmap.ArrayBitmap;
import io.nbdmirror.raid.bitmap.BitmapPlace;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Brings all superblocks up to date, one update at a time (md.c, {@code md_update_sb}): the event
 * count goes up, the bitmap's superblock is made durable with it, then every member's. What is
 * asked for meanwhile goes into the next update.
 *
 * <p>Writes pass only while this is {@linkplain #isSettled() settled}: so a failure is recorded on
 * every survivor before the next write is accepted or acknowledged (I3), and a kicked bitmap is out
 * of trust before data follows (I6). Used on the array's loop.
 */
public final class SuperblockUpdates {
  /** Somebody who waits until nothing is left to be recorded. */
  @FunctionalInterface
  public interface Waiter {
    void settled();
  }

  /** Told that a member's superblock could not be written. */
  @FunctionalInterface
  interface FailureListener {
    void superblockFailed(Member member, DeviceException failure);
  }

  /**
   * A member one event behind is taken for one that missed only the last superblock, so a failure
   * takes two updates (I3). One event at a time: a survivor that a crash kept the second one from
   * must not be left out for it (I4).
   */
  private static final int FAILURE_UPDATES = 2;

  /**
   * How many more updates follow the first one where the bitmap is not on the members. A crash in
   * the middle of an update may have left another bitmap file than the one in force, or than none,
   * ahead of them; if they only drew level with it, it would look good one day (I10).
   */
  private static final int PASSING_UPDATES = 2;

  private final Members members;
  private final SuperblockWriter writer;
  private final Scheduler scheduler;
  private final ArrayBitmap bitmap;
  private final FailureListener failures;
  private final boolean readOnly;
  private ArrayDeque<Waiter> waiters = new ArrayDeque<>();
  private ArrayDeque<Waiter> woken = new ArrayDeque<>();

  private Runnable activeListener = () -> {};
  private long events;
  private boolean active;
  private boolean wantActive;

  /** Updates that what was asked for since the last one began takes. */
  private int asked;

  /** Updates that are to follow the one that runs, or the next. */
  private int owed;

  /**
   * A member is an event behind. It is brought up to the count there is first: another one, cut
   * short, could leave it two behind, and so out.
   */
  private boolean uneven;

  private boolean running;
  private boolean ended;
  private long runningEvents;
  private int pending;
  private long updates;

  /**
   * Takes over from assembly.
   *
   * @param events the count on the freshest member
   * @param readOnly nothing is ever recorded: not a byte of a member may change
   */
  SuperblockUpdates(
      Members members,
      ArrayBitmap bitmap,
      long events,
      Scheduler scheduler,
      FailureListener failures,
      boolean readOnly) {
    this.members = members;
    this.bitmap = bitmap;
    this.events = events;
    this.scheduler = scheduler;
    this.failures = failures;
    this.readOnly = readOnly;
    writer = new SuperblockWriter(members);
    uneven =
        members.all().stream()
            .anyMatch(member -> member.isWritable() && member.superblock().events() != events);
    owed = bitmap.place().kind() == BitmapPlace.Kind.INTERNAL ? 0 : PASSING_UPDATES;
  }

  /** The event count that every member has. */
  public long events() {
    return events;
  }

  /** Updates that were run. */
  public long updates() {
    return updates;
  }

  /** Whether nothing waits to be recorded. */
  public boolean isSettled() {
    return !running && asked == 0;
  }

  /** Whether every superblock durably says that the array is written to. */
  public boolean isActive() {
    return active;
  }

  /** Called once, when this is settled; at once if it is. */
  public void whenSettled(Waiter waiter) {
    if (isSettled()) {
      waiter.settled();
    } else {
      waiters.add(waiter);
    }
  }

  /** {@code listener} runs each time {@link #markActive} ends a clean period. */
  public void onActive(Runnable listener) {
    activeListener = listener;
  }

  /**
   * Before the first write after a clean period (a write's life, step 2). Who calls this while that
   * is being recorded waits for the same update.
   */
  public void markActive() {
    if (!wantActive) {
      wantActive = true;
      request(1);
      activeListener.run();
    }
  }

  /** Only when nothing is in flight and everything acknowledged is durable (I8). */
  public void markClean() {
    assert isSettled() : "clean is asked for while something waits to be recorded (I8)";
    active = false;
    wantActive = false;
    request(1);
  }

  /**
   * The array is broken: no update begins any more. It would reach those that are being rebuilt,
   * and take them too far ahead of the last member in sync, or say clean.
   */
  void end() {
    ended = true;
    asked = 0;
    owed = 0;
  }

  /** A member failed or is absent, or the bitmap was kicked. */
  public void recordFailure() {
    request(FAILURE_UPDATES);
  }

  /** Somebody is no member any more: nothing of it is kept. */
  public void forgetDetached() {
    writer.keepMembersOnly();
  }

  /** Members' superblocks say something else now than what is on the medium. */
  public void recordChange() {
    request(1);
  }

  /**
   * Nothing is settled from now on until {@link #release}: what is asked for meanwhile goes into
   * one update then.
   */
  public void hold() {
    assert isSettled() : "held in the middle of an update";
    running = true;
  }

  /** Ends {@link #hold}. */
  public void release() {
    if (asked > 0) {
      start();
    } else {
      wake();
    }
  }

  private void request(int count) {
    if (readOnly || ended) {
      return;
    }
    asked = Math.max(asked, count);
    if (!running) {
      running = true;
      // Not at once: the caller may be in the middle of telling several failures.
      scheduler.execute(this::start);
    }
  }

  private void start() {
    if (ended) {
      wake();
      return;
    }
    // The first of those that were asked for is this one.
    owed = Math.max(owed, asked - 1) + (uneven ? 1 : 0);
    asked = 0;
    runningEvents = uneven ? events : events + 1;
    uneven = false;
    updates++;
    if (bitmap.isTrusted()) {
      WriteIntentBitmap current = bitmap.current();
      current.superblock().setEvents(runningEvents);
      current.pages().attributes().set(0, DIRTY);
      current.commits().commit((Completion) ignored -> writeMembers());
    } else {
      writeMembers();
    }
  }

  private void writeMembers() {
    boolean nowActive = wantActive;
    for (Member member : members.all()) {
      if (!member.isFaulty()) {
        writer.prepare(member, runningEvents, !nowActive, scheduler.wallClockMicros());
      }
    }
    // One more than there are members, so that inline completions do not end the update early.
    pending = 1;
    for (Member member : members.all()) {
      // The one before may have broken the array before its call returned.
      if (!member.isFaulty() && !ended) {
        pending++;
        writer.write(member, failure -> memberWritten(member, failure, nowActive));
      }
    }
    oneDone(nowActive);
  }

  private void memberWritten(Member member, @Nullable DeviceException failure, boolean nowActive) {
    if (failure != null) {
      member.countWriteError();
      failures.superblockFailed(member, failure);
    }
    oneDone(nowActive);
  }

  private void oneDone(boolean nowActive) {
    if (--pending > 0) {
      return;
    }
    events = runningEvents;
    active = nowActive && wantActive;
    if (owed > 0) {
      owed--;
      start();
    } else if (asked > 0) {
      start();
    } else {
      wake();
    }
  }

  private void wake() {
    running = false;
    ArrayDeque<Waiter> now = waiters;
    waiters = woken;
    woken = now;
    for (Waiter waiter = now.poll(); waiter != null; waiter = now.poll()) {
      // One of those before may have found a new failure: the rest wait for it too.
      if (isSettled()) {
        waiter.settled();
      } else {
        waiters.add(waiter);
      }
    }
  }
}
