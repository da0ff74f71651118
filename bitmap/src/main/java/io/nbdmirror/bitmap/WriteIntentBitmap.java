package io.nbdmirror.bitmap;

import io.nbdmirror.bitmap.counters.ChunkCounters;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.bitmap.pages.PageCommits;
import io.nbdmirror.bitmap.storage.BitmapStorage;
import io.nbdmirror.io.Scheduler;
import java.util.ArrayDeque;

/**
 * The write-intent bitmap of one array: before data reaches a member, the bits of its chunks are
 * durable (I1); long after, they are taken away again (I2, {@code clearing}).
 *
 * <p>A write passes {@link #startWrite} and {@link #endWrite}. Where all its bits are durable that
 * is a few instructions a chunk; otherwise it joins the next commit, which writes every dirty page
 * for all who wait, and is told by {@link BitmapWrite#bitsDurable}. Nothing here blocks, starts a
 * thread or, in the write path, allocates (I9). Used on the array's loop.
 */
public final class WriteIntentBitmap {
  private final BitmapPages pages;
  private final ChunkCounters counters;
  private final PageCommits commits;

  /** Writes whose chunk counts as many in flight as it can. */
  private final ArrayDeque<BitmapWrite> waitingForCounter = new ArrayDeque<>();

  /**
   * A bitmap over pages that have been loaded or filled. Nothing counts as durable before it was
   * written to every copy once more, since the copies may differ.
   *
   * @param needed whether each set bit stands for a chunk that must be copied: the array was not
   *     stopped cleanly
   */
  public WriteIntentBitmap(
      BitmapPages pages,
      BitmapStorage storage,
      BitmapOwner owner,
      Scheduler scheduler,
      boolean needed) {
    this.pages = pages;
    counters = new ChunkCounters(pages.geometry().chunks());
    commits = new PageCommits(pages, storage, owner, scheduler);
    pages.forgetDurable();
    for (int chunk = 0; chunk < counters.chunks(); chunk++) {
      if (pages.isSet(chunk)) {
        counters.markSet(chunk, needed);
      }
    }
    for (int page = 0; page < pages.count(); page++) {
      pages.mark(page, BitmapPages.NEEDWRITE | BitmapPages.PENDING);
    }
  }

  public BitmapGeometry geometry() {
    return pages.geometry();
  }

  /** The superblock in memory; a commit of page 0 brings it to the medium. */
  public BitmapSuperblock superblock() {
    return pages.superblock();
  }

  public BitmapPages pages() {
    return pages;
  }

  public ChunkCounters counters() {
    return counters;
  }

  /** How the pages get to the medium. */
  public PageCommits commits() {
    return commits;
  }

  /** How many bits are set. */
  public int dirtyChunks() {
    return pages.setBits();
  }

  /**
   * A write begins: its chunks count it and their bits are set.
   *
   * @return whether every bit is durable already; if not, {@link BitmapWrite#bitsDurable} will be
   *     called, once and never from within this call
   */
  public boolean startWrite(BitmapWrite write) {
    int first = geometry().chunkAt(write.startBytes());
    int last = geometry().chunkAt(write.endBytes() - 1);
    for (int chunk = first; chunk <= last; chunk++) {
      if (counters.isFull(chunk)) {
        waitingForCounter.add(write);
        return false;
      }
    }
    Wait wait = begin(first, last);
    switch (wait) {
      case NONE -> {}
      case RUNNING_COMMIT -> commits.awaitRunning(write);
      case NEXT_COMMIT -> commits.await(write);
    }
    return wait == Wait.NONE;
  }

  /** What makes a write's bits durable. */
  private enum Wait {
    NONE,
    RUNNING_COMMIT,
    NEXT_COMMIT
  }

  /** Counts the write in its chunks, sets their bits, and says what there is to wait for. */
  private Wait begin(int first, int last) {
    Wait wait = Wait.NONE;
    for (int chunk = first; chunk <= last; chunk++) {
      counters.startWrite(chunk);
      if (!pages.isDurable(chunk)) {
        if (pages.isBeingSet(chunk)) {
          wait = wait == Wait.NONE ? Wait.RUNNING_COMMIT : wait;
        } else {
          wait = Wait.NEXT_COMMIT;
          pages.set(chunk);
          pages.mark(geometry().pageOf(chunk), BitmapPages.DIRTY);
        }
      }
    }
    return wait;
  }

  /**
   * A write that had begun is done with.
   *
   * @param success false when not every member that should have the data has it: the chunks stay
   *     NEEDED
   */
  public void endWrite(BitmapWrite write, boolean success) {
    int first = geometry().chunkAt(write.startBytes());
    int last = geometry().chunkAt(write.endBytes() - 1);
    for (int chunk = first; chunk <= last; chunk++) {
      counters.endWrite(chunk, success);
      if (counters.writes(chunk) == 0) {
        pages.mark(geometry().pageOf(chunk), BitmapPages.PENDING);
      }
    }
    if (!waitingForCounter.isEmpty()) {
      retryWaiting();
    }
  }

  /** In order of arrival, so that nobody starves. */
  private void retryWaiting() {
    while (!waitingForCounter.isEmpty()) {
      BitmapWrite write = waitingForCounter.peek();
      int first = geometry().chunkAt(write.startBytes());
      int last = geometry().chunkAt(write.endBytes() - 1);
      for (int chunk = first; chunk <= last; chunk++) {
        if (counters.isFull(chunk)) {
          return;
        }
      }
      waitingForCounter.remove();
      begin(first, last);
      // Also when the bits are durable: the answer must not come from within another's endWrite.
      commits.await(write);
    }
  }

  /**
   * A member failed, or could not be trusted any more: whatever has a bit must be copied to it
   * before it may come back (I5).
   */
  public void markAllNeeded() {
    for (int chunk = 0; chunk < counters.chunks(); chunk++) {
      if (!counters.isUnset(chunk)) {
        counters.markSet(chunk, true);
      }
    }
  }

  /** Copying of a chunk begins. */
  public void startResync(int chunk) {
    counters.startResync(chunk);
  }

  /**
   * Copying of a chunk ended.
   *
   * @param success every member of a complete array has it; otherwise the chunk stays NEEDED
   */
  public void endResync(int chunk, boolean success) {
    counters.endResync(chunk, success);
    pages.mark(geometry().pageOf(chunk), BitmapPages.PENDING);
  }
}
