package io.nbdmirror.bitmap.pages;

import static io.nbdmirror.bitmap.pages.PageAttributes.Attribute.DIRTY;
import static io.nbdmirror.bitmap.pages.PageAttributes.Attribute.NEEDWRITE;

import io.nbdmirror.bitmap.BitmapOwner;
import io.nbdmirror.bitmap.BitmapWrite;
import io.nbdmirror.bitmap.storage.BitmapStorage;
import io.nbdmirror.bitmap.storage.NoStorage;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Brings pages to the medium, in two ways.
 *
 * <ul>
 *   <li><b>Group commits</b> of DIRTY pages, one at a time (md's unplug): each writes every page
 *       that is DIRTY when it starts and lets all go on who asked before; who asks later waits for
 *       the next. So a commit started by one requester serves all of the same loop turn.
 *   <li><b>At leisure</b>, NEEDWRITE pages, a few at a time, so that clearing holds up no commit.
 * </ul>
 *
 * Between two commits those that the first let go get the chance to come back, see {@link
 * Gathering}. No page is ever written twice at once (I2): a commit that meets a page under way at
 * leisure writes it again when that has ended. When no copy of a page can be written the bitmap is
 * kicked: the owner is told first, then those who wait go on, and every later page goes nowhere
 * (I6). Used on the array's loop.
 */
public final class PageCommits {
  /** Pages written at leisure at once; beside a commit, one, so that it ends in spite of load. */
  private static final int LEISURE_WRITES = 4;

  private final BitmapPages pages;
  private final PageAttributes attributes;
  private final BitmapOwner owner;
  private final Scheduler scheduler;
  private final PageWrite[] pageWrites;
  private BitmapStorage storage;
  private ArrayDeque<BitmapWrite> nextWrites = new ArrayDeque<>();
  private ArrayDeque<BitmapWrite> runningWrites = new ArrayDeque<>();
  private ArrayDeque<Completion> nextCompletions = new ArrayDeque<>();
  private ArrayDeque<Completion> runningCompletions = new ArrayDeque<>();
  private final ArrayDeque<Runnable> whenAllWritten = new ArrayDeque<>();
  private final Runnable start = this::start;
  private boolean startRequested;
  private boolean running;
  private int pending;
  private int leisureWrites;
  private boolean fillingLeisure;
  private final Gathering gathering;
  private long startNanos;
  private long commits;
  private long pagesWritten;
  private @Nullable DeviceException failure;

  public PageCommits(
      BitmapPages pages, BitmapStorage storage, BitmapOwner owner, Scheduler scheduler) {
    this.pages = pages;
    this.storage = storage;
    this.owner = owner;
    this.scheduler = scheduler;
    attributes = pages.attributes();
    gathering = new Gathering(scheduler, this::request);
    pageWrites = new PageWrite[pages.count()];
    for (int page = 0; page < pageWrites.length; page++) {
      pageWrites[page] = new PageWrite(page);
    }
  }

  /** Commits that were run. */
  public long commits() {
    return commits;
  }

  /** Pages that were written, however many copies each has. */
  public long pagesWritten() {
    return pagesWritten;
  }

  /** Why the bitmap was kicked; null while it is trusted. */
  public @Nullable DeviceException failure() {
    return failure;
  }

  /** {@code write} goes on when all that is DIRTY now is durable. */
  public void await(BitmapWrite write) {
    nextWrites.add(write);
    if (!running && !startRequested && !gathering.mustWait()) {
      request();
    }
  }

  /** A write began, whether it waits for a commit or not. */
  public void writeStarted() {
    gathering.writeStarted();
  }

  /** Whether the commit that is running carries the chunk's bit. */
  public boolean carries(int chunk) {
    return running
        && pageWrites[pages.geometry().pageOf(chunk)].state == State.COMMIT
        && pages.isBeingSet(chunk);
  }

  /** {@code write} goes on when the commit that is running ends: it carries all its bits. */
  public void awaitRunning(BitmapWrite write) {
    assert running : "no commit is running";
    runningWrites.add(write);
  }

  /**
   * Writes what is DIRTY. The completion is told null also when the bitmap was kicked: there is
   * nothing to wait for then.
   */
  public void commit(Completion done) {
    nextCompletions.add(done);
    request();
  }

  /**
   * Writes what is NEEDWRITE, at leisure.
   *
   * @param done runs when nothing is left to be written, never from within this call
   */
  public void writeAll(Runnable done) {
    whenAllWritten.add(done);
    scheduler.execute(this::goOnAtLeisure);
  }

  private void request() {
    if (!running && !startRequested) {
      startRequested = true;
      scheduler.execute(start);
    }
  }

  private void start() {
    startRequested = false;
    running = true;
    startNanos = scheduler.nanoTime();
    gathering.end();
    commits++;
    ArrayDeque<BitmapWrite> writes = nextWrites;
    nextWrites = runningWrites;
    runningWrites = writes;
    ArrayDeque<Completion> completions = nextCompletions;
    nextCompletions = runningCompletions;
    runningCompletions = completions;
    // One more than there are pages, so that inline completions do not end the commit early.
    pending = 1;
    for (int page = attributes.next(0, DIRTY); page >= 0; page = attributes.next(page + 1, DIRTY)) {
      pending++;
      pageWrites[page].startForCommit();
    }
    oneDone();
  }

  private void oneDone() {
    if (--pending > 0) {
      return;
    }
    running = false;
    gathering.begin(runningWrites.size(), scheduler.nanoTime() - startNanos);
    if (!nextCompletions.isEmpty() || (!nextWrites.isEmpty() && !gathering.mustWait())) {
      request();
    }
    for (BitmapWrite write = runningWrites.poll(); write != null; write = runningWrites.poll()) {
      write.bitsDurable();
    }
    for (Completion done = runningCompletions.poll();
        done != null;
        done = runningCompletions.poll()) {
      done.completed(null);
    }
    goOnAtLeisure();
  }

  private void goOnAtLeisure() {
    if (fillingLeisure || whenAllWritten.isEmpty()) {
      return;
    }
    // Inline completions come back here.
    fillingLeisure = true;
    int page = attributes.next(0, NEEDWRITE);
    while (page >= 0 && leisureWrites < (running ? 1 : LEISURE_WRITES)) {
      // A DIRTY page is written by the next commit, and soon.
      if (!pages.isInFlight(page) && !attributes.test(page, DIRTY)) {
        leisureWrites++;
        pageWrites[page].start(State.LEISURE);
      }
      page = attributes.next(page + 1, NEEDWRITE);
    }
    fillingLeisure = false;
    if (isAllWritten()) {
      while (isAllWritten() && !whenAllWritten.isEmpty()) {
        whenAllWritten.remove().run();
      }
    } else if (leisureWrites == 0 && pages.noneInFlight() && attributes.any(DIRTY)) {
      request();
    }
  }

  private boolean isAllWritten() {
    return !running && pages.noneInFlight() && !attributes.any(DIRTY) && !attributes.any(NEEDWRITE);
  }

  /** Writes no page any more. Whoever kicks it sees to it that no assembly trusts it (I6). */
  public void kick(DeviceException reason) {
    failure = reason;
    storage = new NoStorage();
  }

  private enum State {
    IDLE,
    /** Under way at leisure. */
    LEISURE,
    /** Under way at leisure, and a commit waits to write it again. */
    LEISURE_THEN_COMMIT,
    /** Under way for the running commit. */
    COMMIT
  }

  /** One page's way to the medium; used over and over. */
  private final class PageWrite implements Completion {
    private final int page;
    private State state = State.IDLE;

    PageWrite(int page) {
      this.page = page;
    }

    void startForCommit() {
      if (state == State.IDLE) {
        start(State.COMMIT);
      } else {
        assert state == State.LEISURE : "page " + page + " is committed twice at once";
        state = State.LEISURE_THEN_COMMIT;
      }
    }

    void start(State kind) {
      state = kind;
      storage.writePage(page, pages.startWrite(page), this);
    }

    @Override
    public void completed(@Nullable DeviceException pageFailure) {
      State ended = state;
      state = State.IDLE;
      pagesWritten++;
      if (pageFailure != null && failure == null) {
        kick(pageFailure);
        owner.bitmapFailed(pageFailure);
      }
      // A kicked bitmap keeps its bits in memory: that they count as durable stops nobody.
      pages.endWrite(page, pageFailure == null || failure != null);
      switch (ended) {
        case COMMIT -> oneDone();
        case LEISURE_THEN_COMMIT -> {
          leisureWrites--;
          start(State.COMMIT);
        }
        case LEISURE -> {
          leisureWrites--;
          goOnAtLeisure();
        }
        case IDLE -> throw new AssertionError("page " + page + " was not being written");
      }
    }
  }
}
