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
import io.nbdmirror.raid.resync.Resync;
import org.jspecify.annotations.Nullable;

/**
 * What an idle array does every period: clears bits, and when none is left, or none may be cleared,
 * marks the superblocks clean (I8). A clean superblock with bits set would tell Linux that there is
 * nothing to resync, so clean comes last. Used on the array's loop.
 */
final class Housekeeping {
  private final Members members;
  private final ArrayHealth health;
  private final WriteIntentBitmap bitmap;
  private final SuperblockUpdates updates;
  private final Resync resync;
  private final InFlight writes;
  private final Scheduler scheduler;
  private final long periodNanos;
  private final ClearingDaemon clearing;
  private final Runnable tick = this::tick;
  private Scheduler.@Nullable Timer timer;
  private long startedAtLastTick = -1;
  private boolean stopping;
  private @Nullable Runnable whenPassEnds;

  Housekeeping(
      Members members,
      ArrayHealth health,
      Resync resync,
      InFlight writes,
      Scheduler scheduler,
      long periodNanos) {
    this.members = members;
    this.health = health;
    this.resync = resync;
    this.writes = writes;
    this.scheduler = scheduler;
    this.periodNanos = periodNanos;
    bitmap = health.bitmap();
    updates = health.updates();
    clearing = new ClearingDaemon(bitmap, health);
  }

  void start() {
    timer = scheduler.schedule(tick, periodNanos);
  }

  private void tick() {
    if (stopping) {
      return;
    }
    timer = scheduler.schedule(tick, periodNanos);
    if (!clearing.isRunning()) {
      clearing.pass(false, this::passEnded);
    }
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
    return !stopping && isActiveForNothing();
  }

  private boolean isActiveForNothing() {
    return updates.isActive()
        && updates.isSettled()
        && writes.count() == 0
        && health.broken() == null
        && !resync.isRunning()
        && !resync.isPending()
        && (members.isDegraded() || bitmap.dirtyChunks() == 0);
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
