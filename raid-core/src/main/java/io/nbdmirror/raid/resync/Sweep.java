package io.nbdmirror.raid.resync;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.write.WriteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One way through the array for one {@linkplain SyncJob job}.
 *
 * <pre>
 *   next runs of chunks ──► span ──► holes on all who take part? skipped
 *            ▲                                │
 *            │                                ▼
 *            └── chunks done ◄── {@linkplain Window windows} over the rest, as the {@linkplain Throttle throttle} lets them
 * </pre>
 *
 * Used once, on the array's loop.
 */
final class Sweep {
  /** Told of what a sweep comes by. */
  interface Listener {
    /** Everything before {@link #position} has been gone through, and nothing is under way. */
    void sweepAdvanced(Sweep sweep);

    /** Nothing is under way any more; whether everything was gone through. */
    void sweepEnded(Sweep sweep, boolean complete);
  }

  static final long CHECKPOINT_NANOS = 10_000_000_000L;

  private static final int WINDOWS = 4;

  /** A span is so many bytes to be gone through at most, in so many runs. */
  private static final long SPAN_BYTES = 64L << 20;

  private static final int SPAN_RUNS = 64;

  private final SyncJob job;
  private final Members members;
  private final ArrayHealth health;
  private final Scheduler scheduler;
  private final Throttle throttle;
  private final Listener listener;

  private final ArrayDeque<Window> idleWindows = new ArrayDeque<>();
  private final ArrayDeque<WindowRange> ranges = new ArrayDeque<>();
  private final Runnable pump = this::pump;
  private Scheduler.@Nullable Timer timer;
  private boolean pumpRequested;
  private boolean busy;
  private int scanning;
  private boolean givenUp;
  private boolean incomplete;
  private boolean ended;
  private long position;
  private long spanEnd;
  private long bytesWritten;
  private long checkpointNanos;
  private long windowNanos;

  Sweep(
      SyncJob job,
      Members members,
      WriteOrder order,
      ArrayHealth health,
      Scheduler scheduler,
      Throttle throttle,
      Listener listener) {
    this.job = job;
    this.members = members;
    this.health = health;
    this.scheduler = scheduler;
    this.throttle = throttle;
    this.listener = listener;
    for (int i = 0; i < WINDOWS; i++) {
      idleWindows.add(job.newWindow(order, this::windowDone));
    }
  }

  /** Begins at or behind {@code fromBytes}. */
  void start(long fromBytes) {
    int first = fromBytes > lastByte() ? -1 : job.nextChunk(geometry().chunkAt(fromBytes));
    position =
        first < 0 ? geometry().sizeBytes() : Math.max(fromBytes, geometry().chunkStartBytes(first));
    spanEnd = position;
    checkpointNanos = scheduler.nanoTime();
    requestPump();
  }

  SyncJob job() {
    return job;
  }

  /** Everything before has been gone through, in bytes. */
  long position() {
    return position;
  }

  /** To members, by this sweep. */
  long bytesWritten() {
    return bytesWritten;
  }

  /** Whether a window found nobody to work with. */
  boolean isIncomplete() {
    return incomplete;
  }

  /** Ends it early, after the windows under way. */
  void giveUp() {
    givenUp = true;
    requestPump();
  }

  /** Members, or what they have to do, may be others now. */
  void look() {
    requestPump();
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
    if (ended || busy) {
      return;
    }
    if (!mustEnd() && !isCheckpointDue()) {
      beginWindows();
    }
    if (idleWindows.size() == WINDOWS) {
      goOn();
    }
  }

  private boolean mustEnd() {
    return givenUp || incomplete || health.broken() != null || !job.hasTarget();
  }

  private boolean isCheckpointDue() {
    return scheduler.nanoTime() - checkpointNanos >= CHECKPOINT_NANOS;
  }

  /** As many as there are, and no more in one turn: some may end at once. */
  private void beginWindows() {
    for (int i = idleWindows.size(); i > 0 && !ranges.isEmpty(); i--) {
      long now = scheduler.nanoTime();
      boolean loaded = throttle.isLoaded(now);
      if (loaded && idleWindows.size() < WINDOWS) {
        return;
      }
      long wait = throttle.waitNanos(now);
      if (wait > 0) {
        pumpAfter(wait);
        return;
      }
      WindowRange range = ranges.remove();
      if (loaded && range.lengthBytes() > Throttle.LOADED_WINDOW_BYTES) {
        ranges.addFirst(range.tail(Throttle.LOADED_WINDOW_BYTES));
        range = range.head(Throttle.LOADED_WINDOW_BYTES);
      }
      throttle.windowStarted(now, range.lengthBytes());
      windowNanos = now;
      idleWindows.remove().begin(range);
    }
  }

  private void pumpAfter(long nanos) {
    if (timer == null) {
      timer =
          scheduler.schedule(
              () -> {
                timer = null;
                requestPump();
              },
              nanos);
    }
  }

  private void windowDone(Window window, long written, boolean complete) {
    bytesWritten += written;
    incomplete |= !complete;
    throttle.windowDone(windowNanos, scheduler.nanoTime(), window.lengthBytes());
    idleWindows.add(window);
    requestPump();
  }

  /** Nothing is under way. */
  private void goOn() {
    if (!incomplete) {
      advance();
    }
    if (mustEnd()) {
      end(false);
    } else if (isCheckpointDue()) {
      checkpointNanos = scheduler.nanoTime();
      busy = true;
      job.checkpoint(
          position,
          () -> {
            busy = false;
            requestPump();
          });
    } else if (ranges.isEmpty()) {
      nextSpan();
    }
  }

  /**
   * What lies before the first range that is left is done, and so are the chunks that end there.
   */
  private void advance() {
    WindowRange next = ranges.peek();
    long done = next == null ? spanEnd : next.startBytes();
    if (done == position) {
      return;
    }
    for (int chunk = geometry().chunkAt(position);
        chunk < geometry().chunks() && geometry().chunkEndBytes(chunk) <= done;
        chunk++) {
      job.chunkDone(chunk);
    }
    position = done;
    listener.sweepAdvanced(this);
  }

  private void nextSpan() {
    int chunk = position > lastByte() ? -1 : job.nextChunk(geometry().chunkAt(position));
    if (chunk < 0) {
      position = geometry().sizeBytes();
      spanEnd = position;
      end(true);
      return;
    }
    position = Math.max(position, geometry().chunkStartBytes(chunk));
    spanEnd = position;
    List<WindowRange> runs = new ArrayList<>();
    long left = SPAN_BYTES;
    while (chunk >= 0 && left > 0 && runs.size() < SPAN_RUNS) {
      WindowRange run = runFrom(chunk, left);
      runs.add(run);
      left -= run.lengthBytes();
      spanEnd = run.endBytes();
      chunk = spanEnd > lastByte() ? -1 : job.nextChunk(geometry().chunkAt(spanEnd));
    }
    scan(runs);
  }

  /** The run of chunks to be gone through that begins there; their turn has begun. */
  private WindowRange runFrom(int chunk, long maxBytes) {
    long start = Math.max(spanEnd, geometry().chunkStartBytes(chunk));
    int limit = geometry().chunkAt(Math.min(start + maxBytes, lastByte())) + 1;
    int runEnd = job.endOfRun(chunk, limit);
    long end = Math.min(geometry().chunkEndBytes(runEnd - 1), start + maxBytes);
    for (int i = chunk; i < runEnd && geometry().chunkStartBytes(i) < end; i++) {
      job.chunkStarted(i);
    }
    return new WindowRange(start, end, false);
  }

  /**
   * All runs at once: where they are short, waiting for each by itself would be most of the time.
   */
  private void scan(List<WindowRange> runs) {
    busy = true;
    scanning = runs.size();
    List<Member> asked = takingPart();
    List<ArrayDeque<WindowRange>> found = new ArrayList<>();
    runs.forEach(run -> found.add(new ArrayDeque<>()));
    for (int i = 0; i < runs.size(); i++) {
      WindowRange run = runs.get(i);
      ArrayDeque<WindowRange> mine = found.get(i);
      SpanExtents.dataIn(
          asked,
          run.startBytes(),
          run.endBytes(),
          members.blockBytes(),
          data -> {
            mine.addAll(data);
            scanned(found);
          });
    }
  }

  /** The source first. */
  private List<Member> takingPart() {
    List<Member> list = new ArrayList<>();
    Member source = job.source();
    if (source != null) {
      list.add(source);
    }
    for (Member member : members.all()) {
      if (!member.equals(source) && job.isTarget(member)) {
        list.add(member);
      }
    }
    return list;
  }

  private void scanned(List<ArrayDeque<WindowRange>> found) {
    if (--scanning > 0) {
      return;
    }
    busy = false;
    found.forEach(ranges::addAll);
    requestPump();
  }

  /** Of the bitmap there is now; it is not exchanged while a job runs. */
  private BitmapGeometry geometry() {
    return health.bitmap().geometry();
  }

  private long lastByte() {
    return geometry().sizeBytes() - 1;
  }

  private void end(boolean complete) {
    ended = true;
    if (timer != null) {
      timer.cancel();
    }
    // Chunks whose turn had begun and did not end must have another.
    for (int chunk = geometry().chunkAt(Math.min(position, lastByte()));
        position < spanEnd
            && chunk < geometry().chunks()
            && geometry().chunkStartBytes(chunk) < spanEnd;
        chunk++) {
      job.chunkGivenUp(chunk);
    }
    listener.sweepEnded(this, complete);
  }
}
