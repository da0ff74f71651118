package io.nbdmirror.raid;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.clearing.ClearingDaemon;
import io.nbdmirror.io.Completion;
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
 * What an idle array does every period: clears bits, and when none is left, or none may be cleared,
 * marks the superblocks clean (I8). A clean superblock with bits set would tell Linux that there is
 * nothing to resync, so clean comes last. Used on the array's loop.
 */
final class Housekeeping {
  /** The timer runs this often in a period, to see whether bits fill up. */
  private static final int TICKS_A_PERIOD = 5;

  /** More than one chunk in this many dirty: passes run at every tick, not once a period. */
  private static final int DIRTY_SHARE = 4;

  private static final int MIN_CHUNKS_TO_FILL = 64;

  private final Members members;
  private final ArrayHealth health;
  private final SuperblockUpdates updates;
  private final SyncEngine sync;
  private final Doubt doubt;
  private final InFlight writes;
  private final Scheduler scheduler;
  private ClearingDaemon clearing;
  private final Runnable tick = this::tick;
  private Scheduler.@Nullable Timer timer;
  private long startedAtLastTick = -1;
  private boolean held;
  private boolean stopping;
  private int ticksSincePass;
  private @Nullable Runnable whenPassEnds;

  Housekeeping(
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
    clearing = newDaemon();
  }

  private ClearingDaemon newDaemon() {
    return new ClearingDaemon(health.bitmap(), health, scheduler);
  }

  void start() {
    timer = scheduler.schedule(tick, tickNanos());
  }

  private long tickNanos() {
    return health.bitmap().superblock().daemonSleep() * 1_000_000_000L / TICKS_A_PERIOD;
  }

  private void tick() {
    if (stopping) {
      return;
    }
    timer = scheduler.schedule(tick, tickNanos());
    ticksSincePass++;
    if (!held && !clearing.isRunning() && (ticksSincePass >= TICKS_A_PERIOD || isFilling())) {
      ticksSincePass = 0;
      clearing.pass(false, this::passEnded);
    }
  }

  /** So many bits are set that a crash would mean a long resync: passes come sooner. */
  private boolean isFilling() {
    WriteIntentBitmap bitmap = health.bitmap();
    return bitmap.geometry().chunks() >= MIN_CHUNKS_TO_FILL
        && bitmap.dirtyChunks() > bitmap.geometry().chunks() / DIRTY_SHARE;
  }

  /** Runs no pass until {@link #release}; {@code quiet} runs once none is under way. */
  void hold(Runnable quiet) {
    held = true;
    if (clearing.isRunning()) {
      whenPassEnds = quiet;
    } else {
      quiet.run();
    }
  }

  /** Passes run again, over the bitmap that the array has now. */
  void release() {
    held = false;
    clearing = newDaemon();
  }

  private void passEnded() {
    Runnable waiting = whenPassEnds;
    if (waiting != null) {
      whenPassEnds = null;
      waiting.run();
      return;
    }
    boolean quiet = writes.started() == startedAtLastTick;
    startedAtLastTick = writes.started();
    if (quiet && mayBeClean()) {
      health.flushMembers(failure -> {
        if (failure == null && writes.started() == startedAtLastTick && mayBeClean()) {
          updates.markClean();
        }
      });
    }
  }

  /** I8, but for the flush. A chunk that is NEEDED or being copied has its bit set. */
  private boolean mayBeClean() {
    return !stopping && !held && isActiveForNothing();
  }

  private boolean isActiveForNothing() {
    return updates.isActive()
        && updates.isSettled()
        && writes.count() == 0
        && health.broken() == null
        && !sync.isRunning()
        && doubt.isEmpty()
        && (members.isDegraded() || health.bitmap().dirtyChunks() == 0);
  }

  /**
   * The last round, once no request is in flight and no resync runs: clears what can be cleared,
   * makes everything durable, and writes clean superblocks if that is true.
   *
   * @param stopped told null, or why the array could not be stopped cleanly
   */
  void stop(Completion stopped) {
    stopping = true;
    if (timer != null) {
      timer.cancel();
    }
    if (clearing.isRunning()) {
      whenPassEnds = () -> clearAll(stopped);
    } else {
      clearAll(stopped);
    }
  }

  private void clearAll(Completion stopped) {
    clearing.pass(true, () -> health.flushMembers(failure -> flushed(failure, stopped)));
  }

  private void flushed(@Nullable DeviceException failure, Completion stopped) {
    if (failure != null) {
      stopped.completed(failure);
      return;
    }
    updates.whenSettled(() -> {
      if (isActiveForNothing()) {
        updates.markClean();
      }
      updates.whenSettled(() -> stopped.completed(health.broken()));
    });
  }
}
