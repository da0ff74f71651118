package io.nbdmirror.bitmap.clearing;

import io.nbdmirror.bitmap.BitmapOwner;
import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.counters.ChunkCounters;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The daemon pass that clears bits (I2), a callback state machine run by its owner's timer:
 *
 * <pre>
 *   age and pick ──► flush every member ──► events_cleared durable ──► clear those
 *   idle chunks                              (only if it moved)        untouched since ──► write
 * </pre>
 *
 * A chunk is picked once it was idle for two passes. If anything fails on the way nothing is
 * cleared. Used on the array's loop.
 */
public final class ClearingDaemon {
  private final WriteIntentBitmap bitmap;
  private final BitmapOwner owner;
  private final BitSet picked;
  private @Nullable Runnable whenDone;

  public ClearingDaemon(WriteIntentBitmap bitmap, BitmapOwner owner) {
    this.bitmap = bitmap;
    this.owner = owner;
    picked = new BitSet(bitmap.geometry().chunks());
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
    if (!owner.mayClear()) {
      finish();
      return;
    }
    pick(all);
    if (picked.isEmpty()) {
      finish();
      return;
    }
    owner.flushMembers(this::flushed);
  }

  private void pick(boolean all) {
    picked.clear();
    BitmapGeometry geometry = bitmap.geometry();
    BitmapPages pages = bitmap.pages();
    for (int page = 0; page < pages.count(); page++) {
      if (pages.has(page, BitmapPages.PENDING)) {
        int first = geometry.firstChunkOf(page);
        int end = page + 1 < pages.count() ? geometry.firstChunkOf(page + 1) : geometry.chunks();
        if (!pickOnPage(first, end, all)) {
          pages.unmark(page, BitmapPages.PENDING);
        }
      }
    }
  }

  /** Whether the page has to be looked at again. */
  private boolean pickOnPage(int first, int end, boolean all) {
    ChunkCounters counters = bitmap.counters();
    boolean again = false;
    for (int chunk = first; chunk < end; chunk++) {
      if (!counters.isUnset(chunk)) {
        again = true;
        if (all) {
          counters.age(chunk);
        }
        if (counters.isAged(chunk)) {
          picked.set(chunk);
        } else {
          counters.age(chunk);
        }
      }
    }
    return again;
  }

  private void flushed(@Nullable DeviceException failure) {
    if (failure != null || !owner.mayClear()) {
      finish();
      return;
    }
    long events = owner.events();
    if (bitmap.superblock().eventsCleared() < events) {
      bitmap.superblock().setEventsCleared(events);
      bitmap.pages().mark(0, BitmapPages.NEEDWRITE);
      bitmap.commits().commit(ignored -> clearPicked());
    } else {
      clearPicked();
    }
  }

  private void clearPicked() {
    // A member may have failed meanwhile; then every bit stays (I5).
    if (!owner.mayClear()) {
      finish();
      return;
    }
    boolean cleared = false;
    for (int chunk = picked.nextSetBit(0); chunk >= 0; chunk = picked.nextSetBit(chunk + 1)) {
      if (bitmap.counters().isAged(chunk)) {
        bitmap.counters().clear(chunk);
        bitmap.pages().clear(chunk);
        cleared = true;
      }
    }
    if (cleared) {
      bitmap.commits().commit((Completion) ignored -> finish());
    } else {
      finish();
    }
  }

  private void finish() {
    Runnable done = whenDone;
    whenDone = null;
    if (done != null) {
      done.run();
    }
  }
}
