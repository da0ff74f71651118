package io.nbdmirror.raid;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.event.InFlight;
import io.nbdmirror.raid.event.SuperblockUpdates;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.resync.Doubt;
import io.nbdmirror.raid.resync.SyncEngine;
import org.jspecify.annotations.Nullable;

/**
 * Marks the superblocks clean when nothing was written for a while (I8; md's safe_mode_delay), so
 * that a crash of an idle array means no resync.
 *
 * <pre>
 *   active ──► quiet for the delay ──► every member flushed ──► still quiet? ──► clean
 *                ▲                                                  │ no
 *                └──────────────────────────────────────────────────┘
 * </pre>
 *
 * Bits that are still set then stand for chunks that are the same on all members, durably; they are
 * cleared as ever. A timer runs only while the array is active, and what a trickle of writes costs
 * is one flush a member for each clean period. Used on the array's loop.
 */
final class CleanMarking {
  /** As in md. */
  static final long DEFAULT_DELAY_NANOS = 200_000_000L;

  /** The timer runs this often in a delay: clean comes at most one part late. */
  private static final int TICKS = 4;

  private final Members members;
  private final ArrayHealth health;
  private final SuperblockUpdates updates;
  private final SyncEngine sync;
  private final Doubt doubt;
  private final InFlight writes;
  private final Scheduler scheduler;
  private long delayNanos = DEFAULT_DELAY_NANOS;
  private Scheduler.@Nullable Timer timer;
  private boolean started;
  private boolean held;
  private boolean flushing;
  private long startedAtLastTick;
  private long startedAtFlush;
  private int quietTicks;

  CleanMarking(
      Members members,
      ArrayHealth health,
      SyncEngine sync,
      Doubt doubt,
      InFlight writes,
      Scheduler scheduler) {
    this.members = members;
    this.health = health;
    this.sync = sync;
    this.doubt = doubt;
    this.writes = writes;
    this.scheduler = scheduler;
    updates = health.updates();
    updates.onActive(this::watch);
  }

  /** How long nothing must be written; 0 for never but at a stop. */
  void setDelayNanos(long nanos) {
    delayNanos = nanos;
    if (timer != null || updates.isActive()) {
      cancel();
      watch();
    }
  }

  /** Marks clean from now on. */
  void start() {
    started = true;
    if (updates.isActive()) {
      watch();
    }
  }

  /** Marks clean no more. */
  void stop() {
    started = false;
    cancel();
  }

  /** Not until {@link #release}. */
  void hold() {
    held = true;
  }

  void release() {
    held = false;
  }

  /** The array is active, or about to be. */
  private void watch() {
    if (started && timer == null && delayNanos > 0) {
      quietTicks = 0;
      startedAtLastTick = writes.started();
      timer = scheduler.repeat(this::tick, Math.max(1, delayNanos / TICKS));
    }
  }

  private void cancel() {
    Scheduler.Timer running = timer;
    timer = null;
    if (running != null) {
      running.cancel();
    }
  }

  private void tick() {
    if (writes.count() > 0 || writes.started() != startedAtLastTick) {
      startedAtLastTick = writes.started();
      quietTicks = 0;
    } else if (++quietTicks >= TICKS && !flushing && mayBeClean()) {
      flushing = true;
      startedAtFlush = writes.started();
      health.flushMembers(this::flushed);
    }
  }

  private void flushed(@Nullable DeviceException failure) {
    flushing = false;
    // Ticks go on meanwhile: what was written since the flush began it does not cover.
    if (failure == null && writes.started() == startedAtFlush && mayBeClean()) {
      cancel();
      updates.markClean();
    }
  }

  private boolean mayBeClean() {
    return started && !held && isActiveForNothing();
  }

  /** I8, but for the flush. */
  boolean isActiveForNothing() {
    return updates.isActive()
        && updates.isSettled()
        && writes.count() == 0
        && health.broken() == null
        && !sync.isChanging()
        && doubt.isEmpty()
        && (members.isDegraded() || !health.bitmap().anyNeeded());
  }
}
