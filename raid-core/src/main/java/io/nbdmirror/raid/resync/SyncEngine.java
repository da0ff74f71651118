package io.nbdmirror.raid.resync;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.event.ArrayEvent;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import io.nbdmirror.raid.write.WriteOrder;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Goes through the array for one {@linkplain SyncJob job} at a time: what is in doubt first, then
 * members that lack data.
 *
 * <pre>
 *   next run of chunks ──► span ──► holes in all members? skipped
 *            ▲                                │
 *            │                                ▼
 *            └── chunks done ◄── {@linkplain Window windows} over the rest, a few at once
 * </pre>
 *
 * Used on the array's loop.
 */
public final class SyncEngine {
  private static final Logger log = LoggerFactory.getLogger(SyncEngine.class);

  /** What one window covers at most, in bytes; none crosses a multiple of it. */
  static final int WINDOW_BYTES = 256 << 10;

  private static final int WINDOWS = 4;
  private static final long PROGRESS_NANOS = 10_000_000_000L;

  /** Progress is told as an event this often on the way. */
  private static final int PROGRESS_PARTS = 5;

  private static final long SPAN_BYTES = 64L << 20;

  private final String name;
  private final Members members;
  private final ArrayHealth health;
  private final Scheduler scheduler;
  private final Doubt doubt;

  private final ArrayDeque<Window> idleWindows = new ArrayDeque<>();
  private final ArrayDeque<SpanExtents.Range> ranges = new ArrayDeque<>();
  private final Runnable pump = this::pump;
  private @Nullable SyncJob job;
  private boolean started;
  private boolean stopping;
  private boolean pumpRequested;
  private boolean busy;
  private boolean incomplete;
  private long position;
  private long spanEnd;
  private long startPosition;
  private int toldPart;
  private long copiedBytes;
  private long startNanos;
  private long progressNanos;
  private @Nullable Runnable whenStopped;

  public SyncEngine(
      String name,
      Members members,
      WriteOrder order,
      ArrayHealth health,
      Scheduler scheduler,
      Doubt doubt) {
    this.name = name;
    this.members = members;
    this.health = health;
    this.scheduler = scheduler;
    this.doubt = doubt;
    for (int i = 0; i < WINDOWS; i++) {
      idleWindows.add(new Window(members, order, health, this::windowDone));
    }
  }

  public boolean isRunning() {
    return job != null;
  }

  /** What is being done. */
  public SyncAction action() {
    return job == null ? SyncAction.IDLE : job.action();
  }

  /** How far through the array it is, in bytes. */
  public long position() {
    return position;
  }

  /** Bytes written to members so far, by all jobs. */
  public long copiedBytes() {
    return copiedBytes;
  }

  /** Bytes of the array gone through a second, since the job began. */
  public long bytesPerSecond() {
    long millis = (scheduler.nanoTime() - startNanos) / 1_000_000;
    return job != null && millis > 0 ? (position - startPosition) / millis * 1000 : 0;
  }

  /** From now on jobs run. */
  public void start() {
    started = true;
    consider();
  }

  /** Begins what there is to do, if nothing is being done; after every change of members. */
  public void consider() {
    if (!started || stopping || job != null || health.broken() != null) {
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
      return new ResyncJob(members, health, doubt);
    }
    return members.anyRebuilding() ? new RecoveryJob(members, health, scheduler, doubt) : null;
  }

  private void begin(SyncJob next) {
    job = next;
    log.info("array {}: {}", name, next.announcement());
    health.happenings().tell(ArrayEvent.Kind.REBUILD_STARTED, next.announcement());
    incomplete = false;
    int first = next.nextChunk(0);
    position = first < 0 ? geometry().sizeBytes() : geometry().chunkStartBytes(first);
    spanEnd = position;
    startPosition = position;
    toldPart = (int) (position / (double) geometry().sizeBytes() * PROGRESS_PARTS);
    startNanos = scheduler.nanoTime();
    progressNanos = startNanos;
    requestPump();
  }

  /** Stops for good after the windows under way; what is not done stays to be done. */
  public void stop(Runnable stopped) {
    stopping = true;
    if (job != null) {
      whenStopped = stopped;
      requestPump();
    } else {
      stopped.run();
    }
  }

  /** A member is out. */
  public void memberFailed() {
    if (job != null) {
      requestPump();
    } else if (members.inSync() <= 1) {
      doubt.clear();
    }
  }

  /** A window's turn is given through the loop, so that clients get theirs in between. */
  private void requestPump() {
    if (!pumpRequested) {
      pumpRequested = true;
      scheduler.execute(pump);
    }
  }

  private void pump() {
    pumpRequested = false;
    SyncJob running = job;
    if (running == null || busy) {
      return;
    }
    boolean allIdle = idleWindows.size() == WINDOWS;
    if (mustEnd(running)) {
      ranges.clear();
      if (allIdle) {
        end(running, false);
      }
      return;
    }
    while (!ranges.isEmpty() && !idleWindows.isEmpty()) {
      idleWindows.remove().copy(ranges.remove(), running);
    }
    if (ranges.isEmpty() && idleWindows.size() == WINDOWS) {
      spanDone(running);
    }
  }

  private boolean mustEnd(SyncJob running) {
    return stopping || incomplete || health.broken() != null || !running.hasTarget();
  }

  /** The span is done: so are the chunks that end within it. */
  private void spanDone(SyncJob running) {
    for (int chunk = geometry().chunkAt(Math.min(position, lastByte()));
        position < spanEnd
            && chunk < geometry().chunks()
            && geometry().chunkEndBytes(chunk) <= spanEnd;
        chunk++) {
      running.chunkDone(chunk);
    }
    position = spanEnd;
    tellProgress(running);
    long now = scheduler.nanoTime();
    if (now - progressNanos < PROGRESS_NANOS) {
      nextSpan(running);
      return;
    }
    progressNanos = now;
    log.info(
        "array {}: {} is at {} of {} bytes, {} bytes written",
        name,
        running.action(),
        position,
        geometry().sizeBytes(),
        copiedBytes);
    busy = true;
    running.checkpoint(
        position,
        () -> {
          busy = false;
          nextSpan(running);
        });
  }

  private void tellProgress(SyncJob running) {
    int part = (int) (position / (double) geometry().sizeBytes() * PROGRESS_PARTS);
    if (part > toldPart && part < PROGRESS_PARTS) {
      toldPart = part;
      health
          .happenings()
          .tell(
              ArrayEvent.Kind.rebuilt(part),
              "%s has done %d %%".formatted(running.action(), part * 100 / PROGRESS_PARTS));
    }
  }

  private void nextSpan(SyncJob running) {
    if (mustEnd(running)) {
      end(running, false);
      return;
    }
    int chunk = position > lastByte() ? -1 : running.nextChunk(geometry().chunkAt(position));
    if (chunk < 0) {
      position = geometry().sizeBytes();
      spanEnd = position;
      end(running, true);
      return;
    }
    position = Math.max(position, geometry().chunkStartBytes(chunk));
    int limit = geometry().chunkAt(Math.min(position + SPAN_BYTES, lastByte())) + 1;
    int runEnd = running.endOfRun(chunk, limit);
    spanEnd = Math.min(geometry().chunkEndBytes(runEnd - 1), position + SPAN_BYTES);
    for (int i = chunk; i < runEnd && geometry().chunkStartBytes(i) < spanEnd; i++) {
      running.chunkStarted(i);
    }
    busy = true;
    SpanExtents.dataIn(members, position, spanEnd, this::scanned);
  }

  private void scanned(ArrayDeque<SpanExtents.Range> data) {
    busy = false;
    ranges.addAll(data);
    requestPump();
  }

  /** Of the bitmap there is now; it is not exchanged while a job runs. */
  private BitmapGeometry geometry() {
    return health.bitmap().geometry();
  }

  private long lastByte() {
    return geometry().sizeBytes() - 1;
  }

  private void windowDone(Window window, long bytesWritten, boolean complete) {
    copiedBytes += bytesWritten;
    incomplete |= !complete;
    idleWindows.add(window);
    requestPump();
  }

  private void end(SyncJob ending, boolean complete) {
    giveUpSpan(ending);
    busy = true;
    if (stopping && !complete && health.broken() == null && ending.hasTarget()) {
      ending.checkpoint(position, () -> ending.finish(false, () -> ended(ending, false)));
    } else {
      ending.finish(complete, () -> ended(ending, complete));
    }
  }

  /** Chunks whose copying had begun and did not end must be copied still. */
  private void giveUpSpan(SyncJob ending) {
    for (int chunk = geometry().chunkAt(Math.min(position, lastByte()));
        position < spanEnd
            && chunk < geometry().chunks()
            && geometry().chunkStartBytes(chunk) < spanEnd;
        chunk++) {
      ending.chunkGivenUp(chunk);
    }
  }

  private void ended(SyncJob ended, boolean complete) {
    busy = false;
    job = null;
    String outcome =
        "%s %s, %d bytes written"
            .formatted(ended.action(), complete ? "done" : "ended early", copiedBytes);
    log.info("array {}: {}", name, outcome);
    health.happenings().tell(ArrayEvent.Kind.REBUILD_FINISHED, outcome);
    Runnable stopped = whenStopped;
    if (stopped != null) {
      whenStopped = null;
      stopped.run();
    } else if (!incomplete) {
      // Through the loop: what ended early may begin again at once, with other members. Not when
      // the last source cannot be read: it would not do better.
      scheduler.execute(this::consider);
    }
  }
}
