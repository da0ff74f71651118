package io.nbdmirror.raid.resync;

import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.event.ArrayEvent;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.read.ReadPath;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import io.nbdmirror.raid.write.BitmapGate;
import io.nbdmirror.raid.write.WriteOrder;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides what is done in the background, one {@linkplain SyncJob job} at a time: what is in doubt
 * first, then members that lack data, then the check or repair that was asked for. Used on the
 * array's loop.
 */
public final class SyncEngine implements Sweep.Listener {
  private static final Logger log = LoggerFactory.getLogger(SyncEngine.class);

  /** Progress is told as an event this often on the way, and in the log by time. */
  private static final int PROGRESS_PARTS = 5;

  private static final long PROGRESS_NANOS = 10_000_000_000L;

  private final String name;
  private final Members members;
  private final WriteOrder order;
  private final BitmapGate gate;
  private final ArrayHealth health;
  private final ReadPath reads;
  private final Scheduler scheduler;
  private final Doubt doubt;
  private final Throttle throttle;
  private final Scrub scrub = new Scrub();

  private @Nullable Sweep sweep;
  private boolean started;
  private boolean stopping;
  private int toldPart;
  private long copiedBytes;
  private long startPosition;
  private long startNanos;
  private long loggedNanos;
  private @Nullable Runnable whenEnded;

  public SyncEngine(
      String name,
      Members members,
      WriteOrder order,
      BitmapGate gate,
      ArrayHealth health,
      ReadPath reads,
      Scheduler scheduler,
      Doubt doubt,
      Foreground foreground) {
    this.name = name;
    this.members = members;
    this.order = order;
    this.gate = gate;
    this.health = health;
    this.reads = reads;
    this.scheduler = scheduler;
    this.doubt = doubt;
    throttle = new Throttle(foreground);
  }

  public boolean isRunning() {
    return sweep != null;
  }

  /** Whether members are being written to, or may be at any time: not by a check. */
  public boolean isChanging() {
    return sweep != null && action() != SyncAction.CHECK;
  }

  /** Whether members in sync may differ somewhere. */
  public boolean isInDoubt() {
    return !doubt.isEmpty();
  }

  /** What is being done. */
  public SyncAction action() {
    Sweep running = sweep;
    return running == null ? SyncAction.IDLE : running.job().action();
  }

  /** How far through the array it is, in bytes; 0 when nothing is being done. */
  public long position() {
    Sweep running = sweep;
    return running == null ? 0 : running.position();
  }

  /** Bytes written to members so far, by all jobs. */
  public long copiedBytes() {
    Sweep running = sweep;
    return copiedBytes + (running == null ? 0 : running.bytesWritten());
  }

  /** Bytes of the array gone through a second, since the job began. */
  public long bytesPerSecond() {
    long millis = (scheduler.nanoTime() - startNanos) / 1_000_000;
    return sweep != null && millis > 0 ? (position() - startPosition) * 1000 / millis : 0;
  }

  /** Where members were found to differ and were not repaired; in order, and not without limit. */
  public List<ArrayStatus.Mismatch> mismatches() {
    return scrub.mismatches().list();
  }

  /** In how many bytes members were found to differ and were not repaired, listed or not. */
  public long mismatchBytes() {
    return scrub.mismatches().bytes();
  }

  /**
   * How fast it may be, in bytes of the array a second.
   *
   * @param min clients do not slow it down below this
   * @param max never faster; {@link Long#MAX_VALUE} without limit
   */
  public void setSpeed(long min, long max) {
    throttle.setSpeed(min, max);
    look();
  }

  /** From now on jobs run. */
  public void start() {
    started = true;
    consider();
  }

  /** Begins what there is to do, if nothing is being done; after every change of members. */
  public void consider() {
    if (!started || stopping || health.broken() != null) {
      return;
    }
    if (sweep != null) {
      // It may have to give way.
      look();
      return;
    }
    SyncJob next = nextJob();
    if (next != null) {
      begin(next);
    }
  }

  private @Nullable SyncJob nextJob() {
    if (members.source() == null) {
      return null;
    }
    if (!doubt.isEmpty() && members.writable() > 1) {
      return new ResyncJob(members, health, reads, doubt);
    }
    if (members.anyRebuilding()) {
      return new RecoveryJob(members, health, reads, scheduler, doubt);
    }
    if (scrub.isWanted()) {
      scrub.begun();
      return new ScrubJob(members, health, reads, doubt, gate, scrub);
    }
    return null;
  }

  private void begin(SyncJob next) {
    log.info("array {}: {}", name, next.announcement());
    health.happenings().tell(ArrayEvent.Kind.REBUILD_STARTED, next.announcement());
    Sweep begun = new Sweep(next, members, order, health, scheduler, throttle, this);
    sweep = begun;
    begun.start(next instanceof ScrubJob ? scrub.position() : 0);
    startPosition = begun.position();
    toldPart = partAt(startPosition);
    startNanos = scheduler.nanoTime();
    loggedNanos = startNanos;
  }

  /** Why no check or repair can begin now, as a sentence; empty when one can. */
  public String scrubRefusal() {
    if (sweep != null) {
      return "array %s is in the middle of a %s: try again when that is done"
          .formatted(name, action());
    }
    if (!doubt.isEmpty() || members.anyRebuilding()) {
      return "array %s has a resync or recovery to do first".formatted(name);
    }
    return members.inSync() < 2
        ? "array %s has fewer than two members in sync: there is nothing to compare".formatted(name)
        : "";
  }

  /** Begins to compare members; only without a {@link #scrubRefusal}. */
  public void check() {
    scrub.ask(SyncAction.CHECK, null);
    consider();
  }

  /**
   * Begins to make members the same where they differ; only without a {@link #scrubRefusal}.
   *
   * @param from whose data is to be everybody's; null for whom resync would take
   */
  public void repair(@Nullable Member from) {
    scrub.ask(SyncAction.REPAIR, from == null ? null : from.path());
    consider();
  }

  /** Stops a check or repair after what is under way; the next one goes on there. */
  public void stopScrub(Runnable stopped) {
    Sweep running = sweep;
    if (running == null || !(running.job() instanceof ScrubJob)) {
      stopped.run();
      return;
    }
    endEarly(running, stopped);
  }

  /** Stops for good after the windows under way; what is not done stays to be done. */
  public void stop(Runnable stopped) {
    stopping = true;
    Sweep running = sweep;
    if (running == null) {
      stopped.run();
      return;
    }
    endEarly(running, stopped);
  }

  private void endEarly(Sweep running, Runnable ended) {
    Runnable before = whenEnded;
    whenEnded =
        before == null
            ? ended
            : () -> {
              before.run();
              ended.run();
            };
    running.giveUp();
  }

  /** A member is out. */
  public void memberFailed() {
    if (sweep != null) {
      look();
    } else if (members.writable() <= 1) {
      doubt.clear();
    }
  }

  private void look() {
    Sweep running = sweep;
    if (running != null) {
      running.look();
    }
  }

  private int partAt(long position) {
    return (int) (position / (double) health.bitmap().geometry().sizeBytes() * PROGRESS_PARTS);
  }

  @Override
  public void sweepAdvanced(Sweep advanced) {
    SyncAction action = advanced.job().action();
    int part = partAt(advanced.position());
    if (part > toldPart && part < PROGRESS_PARTS) {
      toldPart = part;
      health
          .happenings()
          .tell(
              ArrayEvent.Kind.rebuilt(part),
              "%s has done %d %%".formatted(action, part * 100 / PROGRESS_PARTS));
    }
    long now = scheduler.nanoTime();
    if (now - loggedNanos >= PROGRESS_NANOS) {
      loggedNanos = now;
      log.info(
          "array {}: {} is at {} of {} bytes, {} bytes written",
          name,
          action,
          advanced.position(),
          health.bitmap().geometry().sizeBytes(),
          advanced.bytesWritten());
    }
  }

  @Override
  public void sweepEnded(Sweep ending, boolean complete) {
    SyncJob job = ending.job();
    Runnable finish = () -> job.finish(complete, ending.position(), () -> ended(ending, complete));
    if (!complete && stopping && health.broken() == null && job.hasTarget()) {
      job.checkpoint(ending.position(), finish);
    } else {
      finish.run();
    }
  }

  private void ended(Sweep ending, boolean complete) {
    SyncJob job = ending.job();
    copiedBytes += ending.bytesWritten();
    sweep = null;
    if (members.writable() <= 1) {
      doubt.clear();
    }
    String outcome = job.outcome(complete, ending.bytesWritten());
    log.info("array {}: {}", name, outcome);
    health.happenings().tell(ArrayEvent.Kind.REBUILD_FINISHED, outcome);
    Runnable waiting = whenEnded;
    whenEnded = null;
    if (waiting != null) {
      waiting.run();
    }
    if (!ending.isIncomplete() || job instanceof ScrubJob) {
      // Through the loop: what ended early may begin again at once, with other members. Not when
      // the last source cannot be read: it would not do better.
      scheduler.execute(this::consider);
    }
  }
}
