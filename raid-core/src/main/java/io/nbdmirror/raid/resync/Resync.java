package io.nbdmirror.raid.resync;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.read.ReadPath;
import io.nbdmirror.raid.write.WriteOrder;
import java.util.ArrayDeque;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Resync after an unclean stop: every chunk whose bit was set is copied from the source member to
 * the others, in {@linkplain Window windows} of which a few are under way at once.
 *
 * <pre>
 *   next run of chunks in doubt ──► span ──► holes in all members? skipped
 *            ▲                                    │
 *            │                                    ▼
 *            └── chunks no longer in doubt ◄── windows over the rest
 * </pre>
 *
 * Until a chunk is done with, reads of it come from the source alone (I4). Its bit is cleared
 * later, as any other, after every member was flushed (I13). Used on the array's loop.
 */
public final class Resync implements ReadPath.Doubt {
  private static final Logger log = LoggerFactory.getLogger(Resync.class);

  /** What one window covers at most, in bytes; none crosses a multiple of it. */
  static final int WINDOW_BYTES = 256 << 10;

  private static final int WINDOWS = 4;
  private static final long PROGRESS_NANOS = 10_000_000_000L;
  private static final long SPAN_BYTES = 64L << 20;

  private final String name;
  private final Members members;
  private final ArrayHealth health;
  private final Scheduler scheduler;

  /** Chunks in which members may differ. */
  private final BitSet doubtful = new BitSet();

  private final ArrayDeque<Window> idleWindows = new ArrayDeque<>();
  private final ArrayDeque<SpanExtents.Range> ranges = new ArrayDeque<>();
  private final Runnable pump = this::pump;
  private boolean pumpRequested;
  private boolean running;
  private boolean scanning;
  private boolean incomplete;
  private long position;
  private long spanEnd;
  private long copiedBytes;
  private long startNanos;
  private long progressNanos;
  private @Nullable Runnable whenStopped;

  /**
   * Sees from the bitmap's counters where members may differ: every NEEDED chunk.
   *
   * @param doubt whether they may differ at all: the array was not stopped cleanly
   */
  public Resync(
      String name,
      Members members,
      WriteOrder order,
      ArrayHealth health,
      Scheduler scheduler,
      boolean doubt) {
    this.name = name;
    this.members = members;
    this.health = health;
    this.scheduler = scheduler;
    if (doubt && members.inSync() > 1) {
      BitmapPages pages = health.bitmap().pages();
      for (int chunk = pages.nextSet(0); chunk >= 0; chunk = pages.nextSet(chunk + 1)) {
        if (health.bitmap().counters().isNeeded(chunk)) {
          doubtful.set(chunk);
        }
      }
    }
    for (int i = 0; i < WINDOWS; i++) {
      idleWindows.add(new Window(members, order, health, this::windowDone));
    }
  }

  @Override
  public boolean mayDiffer(long startBytes, long endBytes) {
    if (doubtful.isEmpty()) {
      return false;
    }
    int next = doubtful.nextSetBit(geometry().chunkAt(startBytes));
    return next >= 0 && next <= geometry().chunkAt(endBytes - 1);
  }

  /** Whether any chunk is still to be copied. */
  public boolean isPending() {
    return !doubtful.isEmpty();
  }

  public boolean isRunning() {
    return running;
  }

  /** How far through the array it is, in bytes. */
  public long position() {
    return position;
  }

  /** Bytes written to members so far. */
  public long copiedBytes() {
    return copiedBytes;
  }

  /** Bytes of the array gone through a second, since the start. */
  public long bytesPerSecond() {
    long millis = (scheduler.nanoTime() - startNanos) / 1_000_000;
    return running && millis > 0 ? position / millis * 1000 : 0;
  }

  /** Starts, if there is anything to copy and somebody to copy to. */
  public void start() {
    if (doubtful.isEmpty()) {
      return;
    }
    log.info(
        "array {}: not stopped cleanly, resyncing {} of {} chunks of {} bytes",
        name,
        doubtful.cardinality(),
        geometry().chunks(),
        geometry().chunkBytes());
    running = true;
    startNanos = scheduler.nanoTime();
    progressNanos = startNanos;
    requestPump();
  }

  /** Stops after the windows under way; what is not copied stays in doubt. */
  public void stop(Runnable stopped) {
    if (running) {
      whenStopped = stopped;
      requestPump();
    } else {
      stopped.run();
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
    if (!running || scanning) {
      return;
    }
    boolean allIdle = idleWindows.size() == WINDOWS;
    if (whenStopped != null || incomplete || health.broken() != null || !hasTarget()) {
      ranges.clear();
      if (allIdle) {
        end();
      }
      return;
    }
    while (!ranges.isEmpty() && !idleWindows.isEmpty()) {
      idleWindows.remove().copy(ranges.remove());
    }
    if (ranges.isEmpty() && idleWindows.size() == WINDOWS) {
      nextSpan();
    }
  }

  private boolean hasTarget() {
    int writable = 0;
    for (Member member : members.all()) {
      writable += member.isWritable() ? 1 : 0;
    }
    return writable > 1;
  }

  private void nextSpan() {
    settleChunks();
    int chunk = doubtful.nextSetBit(geometry().chunkAt(Math.min(position, lastByte())));
    if (chunk < 0) {
      position = geometry().sizeBytes();
      end();
      return;
    }
    long start = Math.max(position, geometry().chunkStartBytes(chunk));
    int runEnd = doubtful.nextClearBit(chunk);
    spanEnd = Math.min(geometry().chunkEndBytes(runEnd - 1), start + SPAN_BYTES);
    for (int i = chunk; i < runEnd && geometry().chunkStartBytes(i) < spanEnd; i++) {
      health.bitmap().startResync(i);
    }
    position = start;
    scanning = true;
    SpanExtents.dataIn(members, start, spanEnd, this::scanned);
  }

  private void scanned(ArrayDeque<SpanExtents.Range> data) {
    scanning = false;
    ranges.addAll(data);
    requestPump();
  }

  /** Of the bitmap there is now; it is not exchanged while a chunk is in doubt. */
  private BitmapGeometry geometry() {
    return health.bitmap().geometry();
  }

  private long lastByte() {
    return geometry().sizeBytes() - 1;
  }

  /** The span is done: so are the chunks that end within it. */
  private void settleChunks() {
    if (spanEnd <= position) {
      return;
    }
    boolean complete = !members.isDegraded();
    for (int chunk = geometry().chunkAt(position);
        chunk < geometry().chunks() && geometry().chunkEndBytes(chunk) <= spanEnd;
        chunk++) {
      doubtful.clear(chunk);
      health.bitmap().endResync(chunk, complete);
    }
    position = spanEnd;
    logProgress();
  }

  private void logProgress() {
    long now = scheduler.nanoTime();
    if (now - progressNanos >= PROGRESS_NANOS) {
      progressNanos = now;
      log.info(
          "array {}: resync is at {} of {} bytes, {} bytes written, {} chunks left",
          name,
          position,
          geometry().sizeBytes(),
          copiedBytes,
          doubtful.cardinality());
    }
  }

  private void windowDone(Window window, long bytesWritten, boolean complete) {
    copiedBytes += bytesWritten;
    incomplete |= !complete;
    idleWindows.add(window);
    requestPump();
  }

  private void end() {
    running = false;
    boolean finished = doubtful.isEmpty();
    endSpan();
    if (members.inSync() <= 1) {
      // One copy is left: there is nothing for it to differ from.
      doubtful.clear();
    }
    log.info(
        finished
            ? "array {}: resync done, {} bytes written"
            : "array {}: resync ended early, {} bytes written",
        name,
        copiedBytes);
    Runnable stopped = whenStopped;
    whenStopped = null;
    if (stopped != null) {
      stopped.run();
    }
  }

  /** Chunks whose copying had begun and did not end must be copied still. */
  private void endSpan() {
    long end = Math.max(spanEnd, position + 1);
    for (int chunk = geometry().chunkAt(position);
        chunk < geometry().chunks() && geometry().chunkStartBytes(chunk) < end;
        chunk++) {
      if (health.bitmap().counters().isResyncing(chunk)) {
        health.bitmap().endResync(chunk, false);
      }
    }
  }

  /** A member is out: with one copy left there is nothing to differ from. */
  public void memberFailed() {
    if (running) {
      requestPump();
    } else if (members.inSync() <= 1) {
      doubtful.clear();
    }
  }
}
