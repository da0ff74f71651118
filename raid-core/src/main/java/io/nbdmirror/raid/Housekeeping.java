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
 * What an array does when it has time: clears bits every period, marks the superblocks clean sooner
 * than that, and does both once more when it is stopped. Used on the array's loop.
 */
final class Housekeeping {
  /** The timer runs this often in a period, to see whether bits fill up. */
  private static final int TICKS_A_PERIOD = 5;

  /** More than one chunk in this many dirty: passes run at every tick, not once a period. */
  private static final int DIRTY_SHARE = 4;

  private static final int MIN_CHUNKS_TO_FILL = 64;

  private final ArrayHealth health;
  private final SuperblockUpdates updates;
  private final Scheduler scheduler;
  private final CleanMarking clean;
  private ClearingDaemon clearing;
  private final Runnable tick = this::tick;
  private Scheduler.@Nullable Timer timer;
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
    this.health = health;
    this.scheduler = scheduler;
    clean = new CleanMarking(members, health, sync, doubt, writes, scheduler);
    updates = health.updates();
    clearing = newDaemon();
  }

  private ClearingDaemon newDaemon() {
    return new ClearingDaemon(health.bitmap(), health, scheduler);
  }

  /** For how long nothing is written before the superblocks say clean; 0 for not before a stop. */
  void setCleanDelayNanos(long nanos) {
    clean.setDelayNanos(nanos);
  }

  void start() {
    clean.start();
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

  /** Does nothing until {@link #release}; {@code quiet} runs once no pass is under way. */
  void hold(Runnable quiet) {
    held = true;
    clean.hold();
    if (clearing.isRunning()) {
      whenPassEnds = quiet;
    } else {
      quiet.run();
    }
  }

  /** Passes run again, over the bitmap that the array has now. */
  void release() {
    held = false;
    clean.release();
    clearing = newDaemon();
  }

  private void passEnded() {
    Runnable waiting = whenPassEnds;
    if (waiting != null) {
      whenPassEnds = null;
      waiting.run();
    }
  }

  /**
   * The last round, once no request is in flight and no resync runs: clears what can be cleared,
   * makes everything durable, and writes clean superblocks if that is true.
   *
   * @param stopped told null, or why the array could not be stopped cleanly
   */
  void stop(Completion stopped) {
    stopping = true;
    clean.stop();
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
    updates.whenSettled(() -> {
      if (failure != null) {
        stopped.completed(failure);
        return;
      }
      if (clean.isActiveForNothing()) {
        updates.markClean();
      }
      updates.whenSettled(() -> stopped.completed(health.broken()));
    });
  }
}
