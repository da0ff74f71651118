package io.nbdmirror.bitmap.clearing;

import static io.nbdmirror.bitmap.pages.PageAttributes.Attribute.DIRTY;
import static io.nbdmirror.bitmap.pages.PageAttributes.Attribute.PENDING;

import io.nbdmirror.bitmap.BitmapOwner;
import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.counters.ChunkCounters;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The daemon pass that clears bits (I2), a callback state machine run by its owner's timer:
 *
 * <pre>
 *   any chunk aged? ──► flush every ──► events_cleared ──► clear aged ──► age idle ──► write pages
 *        │              member once     durable, if it     chunks         chunks       at leisure
 *        │                              moved                             ▲
 *        └────────────── no ──────────────────────────────────────────────┘
 * </pre>
 *
 * A chunk is aged by the first pass that finds it idle and cleared by the next one; a write in
 * between makes it young again. So what is aged when it is cleared was so before the flush began,
 * and the flush covers its last write. If anything fails on the way nothing is cleared. Long
 * bitmaps are gone through in slices, so that requests get their turn. Used on the array's loop.
 */
public final class ClearingDaemon {
  /** Pages gone through in one turn of the loop: below a millisecond. */
  private static final int SLICE_PAGES = 4;

  private final WriteIntentBitmap bitmap;
  private final BitmapPages pages;
  private final ChunkCounters counters;
  private final BitmapOwner owner;
  private final Scheduler scheduler;
  private @Nullable Runnable whenDone;

  public ClearingDaemon(WriteIntentBitmap bitmap, BitmapOwner owner, Scheduler scheduler) {
    this.bitmap = bitmap;
    this.owner = owner;
    this.scheduler = scheduler;
    pages = bitmap.pages();
    counters = bitmap.counters();
  }

  /** Whether a pass is under way. */
  public boolean isRunning() {
    return whenDone != null;
  }

  /**
   * Runs one pass; {@code done} runs when it is over, whatever it could do. Only when none runs.
   *
   * @param all clear every chunk that is idle, however shortly: for a clean stop
   */
  public void pass(boolean all, Runnable done) {
    assert whenDone == null : "two clearing passes at once";
    whenDone = done;
    bitmap.topUp();
    if (!owner.mayClear()) {
      finish();
    } else if (all) {
      goThrough(0, this::agePage, this::flush);
    } else {
      flush();
    }
  }

  private void flush() {
    if (counters.agedChunks() == 0) {
      goThrough(0, this::agePage, this::finish);
    } else {
      owner.flushMembers(this::flushed);
    }
  }

  private void flushed(@Nullable DeviceException failure) {
    if (failure != null || !owner.mayClear()) {
      finish();
      return;
    }
    long events = owner.events();
    if (bitmap.superblock().eventsCleared() < events) {
      bitmap.superblock().setEventsCleared(events);
      pages.attributes().set(0, DIRTY);
      bitmap.commits().commit(ignored -> goThrough(0, this::clearPage, this::cleared));
    } else {
      goThrough(0, this::clearPage, this::cleared);
    }
  }

  private void cleared() {
    goThrough(0, this::agePage, () -> bitmap.commits().writeAll(this::finish));
  }

  /** Does {@code what} to every PENDING page from {@code from} on, as long as bits may go. */
  private void goThrough(int from, IntConsumer what, Runnable then) {
    int page = pages.attributes().next(from, PENDING);
    for (int count = 0; page >= 0 && owner.mayClear(); count++) {
      if (count == SLICE_PAGES) {
        int next = page;
        scheduler.execute(() -> goThrough(next, what, then));
        return;
      }
      what.accept(page);
      page = pages.attributes().next(page + 1, PENDING);
    }
    then.run();
  }

  private void clearPage(int page) {
    if (counters.hasAged(page)) {
      int end = pages.geometry().endChunkOf(page);
      for (int chunk = firstSet(page); chunk >= 0 && chunk < end; ) {
        if (counters.isAged(chunk)) {
          counters.clear(chunk);
          pages.clear(chunk);
        }
        chunk = pages.nextSet(chunk + 1);
      }
    }
  }

  private void agePage(int page) {
    int end = pages.geometry().endChunkOf(page);
    for (int chunk = firstSet(page); chunk >= 0 && chunk < end; ) {
      counters.age(chunk);
      chunk = pages.nextSet(chunk + 1);
    }
    if (!counters.hasAged(page)) {
      pages.attributes().clear(page, PENDING);
    }
  }

  private int firstSet(int page) {
    return pages.nextSet(pages.geometry().firstChunkOf(page));
  }

  private void finish() {
    Runnable done = whenDone;
    whenDone = null;
    if (done != null) {
      done.run();
    }
  }
}
