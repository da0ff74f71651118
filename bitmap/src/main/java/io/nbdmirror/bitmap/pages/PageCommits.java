package io.nbdmirror.bitmap.pages;

import static io.nbdmirror.bitmap.format.BitmapGeometry.PAGE_BYTES;

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
 * Group commits: one at a time, each writes every page that has something to write and lets all go
 * on who asked before it began; who asks later waits for the next. So no page is ever written twice
 * at once (I2), and a commit started by one requester serves all of the same loop turn.
 *
 * <p>When no copy of a page can be written the bitmap is kicked: the owner is told first, then
 * those who wait go on, and every later page goes nowhere (I6). Used on the array's loop.
 */
public final class PageCommits {
  private final BitmapPages pages;
  private final BitmapOwner owner;
  private final Scheduler scheduler;
  private final PageDone[] pageDone;
  private BitmapStorage storage;
  private ArrayDeque<BitmapWrite> nextWrites = new ArrayDeque<>();
  private ArrayDeque<BitmapWrite> runningWrites = new ArrayDeque<>();
  private ArrayDeque<Completion> nextCompletions = new ArrayDeque<>();
  private ArrayDeque<Completion> runningCompletions = new ArrayDeque<>();
  private final Runnable start = this::start;
  private boolean startRequested;
  private boolean running;
  private int pending;
  private long commits;
  private long pagesWritten;
  private @Nullable DeviceException failure;

  public PageCommits(
      BitmapPages pages, BitmapStorage storage, BitmapOwner owner, Scheduler scheduler) {
    this.pages = pages;
    this.storage = storage;
    this.owner = owner;
    this.scheduler = scheduler;
    pageDone = new PageDone[pages.count()];
    for (int page = 0; page < pageDone.length; page++) {
      pageDone[page] = new PageDone(page);
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

  /** {@code write} goes on when all that is set now is durable. */
  public void await(BitmapWrite write) {
    nextWrites.add(write);
    request();
  }

  /** {@code write} goes on when the commit that is running ends: it carries all its bits. */
  public void awaitRunning(BitmapWrite write) {
    assert running : "no commit is running";
    runningWrites.add(write);
  }

  /**
   * Writes what there is to write. The completion is told null also when the bitmap was kicked:
   * there is nothing to wait for then.
   */
  public void commit(Completion done) {
    nextCompletions.add(done);
    request();
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
    commits++;
    ArrayDeque<BitmapWrite> writes = nextWrites;
    nextWrites = runningWrites;
    runningWrites = writes;
    ArrayDeque<Completion> completions = nextCompletions;
    nextCompletions = runningCompletions;
    runningCompletions = completions;
    // One more than there are pages, so that inline completions do not end the commit early.
    pending = 1;
    for (int page = 0; page < pages.count(); page++) {
      if (pages.has(page, BitmapPages.DIRTY | BitmapPages.NEEDWRITE)) {
        pending++;
        storage.writePage(page, pages.startWrite(page), page * PAGE_BYTES, pageDone[page]);
      }
    }
    oneDone();
  }

  private void pageWritten(int page, @Nullable DeviceException pageFailure) {
    pagesWritten++;
    if (pageFailure != null && failure == null) {
      kick(pageFailure);
      owner.bitmapFailed(pageFailure);
    }
    // A kicked bitmap keeps its bits in memory: that they count as durable stops nobody.
    pages.endWrite(page, pageFailure == null || failure != null);
    oneDone();
  }

  /** Writes no page any more. Whoever kicks it sees to it that no assembly trusts it (I6). */
  public void kick(DeviceException reason) {
    failure = reason;
    storage = new NoStorage();
  }

  private void oneDone() {
    if (--pending > 0) {
      return;
    }
    running = false;
    if (!nextWrites.isEmpty() || !nextCompletions.isEmpty()) {
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
  }

  private final class PageDone implements Completion {
    private final int page;

    PageDone(int page) {
      this.page = page;
    }

    @Override
    public void completed(@Nullable DeviceException pageFailure) {
      pageWritten(page, pageFailure);
    }
  }
}
