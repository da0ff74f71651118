package io.nbdmirror.bitmap;

import static io.nbdmirror.bitmap.pages.PageAttributes.Attribute.DIRTY;
import static io.nbdmirror.bitmap.pages.PageAttributes.Attribute.PENDING;

import io.nbdmirror.bitmap.counters.ChunkCounters;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.format.ChunkState;
import io.nbdmirror.bitmap.format.ChunkStates;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.bitmap.pages.PageCommits;
import io.nbdmirror.bitmap.storage.BitmapStorage;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.Scheduler;
import java.util.ArrayDeque;
import java.util.BitSet;

/**
 * The write-intent bitmap of one array: before data reaches a member, the bits of its chunks are
 * durable (I1); long after, they are taken away again (I2, {@code clearing}).
 *
 * <p>A write passes {@link #startWrite} and {@link #endWrite}. Where all its bits are durable that
 * is a few instructions a chunk; otherwise it joins the next commit, which writes every dirty page
 * for all who wait, and is told by {@link BitmapWrite#bitsDurable}. Nothing here blocks, starts a
 * thread or, in the write path, allocates (I9). Used on the array's loop.
 */
public final class WriteIntentBitmap implements ChunkStates {
  private final BitmapPages pages;
  private final ChunkCounters counters;
  private final PageCommits commits;

  /** Writes whose chunk counts as many in flight as it can. */
  private final ArrayDeque<BitmapWrite> waitingForCounter = new ArrayDeque<>();

  /** Chunks that were full and have not halved yet; empty but in a flood of small writes. */
  private final BitSet overflowing = new BitSet();

  /**
   * A bitmap over pages that have been loaded or filled. Nothing counts as durable before it was
   * written once more: what was read may be in a cache only, and copies may differ.
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
    counters = new ChunkCounters(pages.geometry(), pages::isSet);
    commits = new PageCommits(pages, storage, owner, scheduler);
    if (needed) {
      counters.markAllNeeded();
    }
    for (int page = 0; page < pages.count(); page++) {
      if (pages.isPresent(page)) {
        pages.attributes().set(page, DIRTY);
        pages.attributes().set(page, PENDING);
      }
    }
  }

  /**
   * Writes all of it once more: somebody else wrote where it is kept, or it has a new copy.
   *
   * @param written told when all pages are durable, or the bitmap was kicked
   */
  public void writeAgain(Completion written) {
    pages.makeAllPresent();
    pages.forgetDurable();
    for (int page = 0; page < pages.count(); page++) {
      pages.attributes().set(page, DIRTY);
    }
    commits.commit(written);
  }

  /** Makes the memory that first touches will need; away from the write path. */
  public void topUp() {
    pages.topUp();
    counters.topUp();
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

  @Override
  public int nextSet(int from) {
    return pages.nextSet(from);
  }

  @Override
  public ChunkState stateOf(int chunk) {
    if (counters.isNeeded(chunk)) {
      return ChunkState.NEEDS_RESYNC;
    }
    return counters.isResyncing(chunk) ? ChunkState.RESYNCING : ChunkState.DIRTY;
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
    if (overflows(first, last)) {
      waitingForCounter.add(write);
      return false;
    }
    Wait wait = begin(first, last);
    // First, so that the last one that a pause waits for does not wait itself.
    commits.writeStarted();
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
        if (commits.carries(chunk)) {
          wait = wait == Wait.NONE ? Wait.RUNNING_COMMIT : wait;
        } else {
          wait = Wait.NEXT_COMMIT;
          pages.set(chunk);
          pages.attributes().set(geometry().pageOf(chunk), DIRTY);
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
        pages.attributes().set(geometry().pageOf(chunk), PENDING);
      }
    }
    if (!overflowing.isEmpty()) {
      letWaitingGoOn(first, last);
    }
  }

  /** Whether one of the chunks is full, or was and has not halved yet. */
  private boolean overflows(int first, int last) {
    for (int chunk = first; chunk <= last; chunk++) {
      if (counters.isFull(chunk)) {
        overflowing.set(chunk);
      }
    }
    if (overflowing.isEmpty()) {
      return false;
    }
    int next = overflowing.nextSetBit(first);
    return next >= 0 && next <= last;
  }

  /** Those who wait go on in order of arrival, so that nobody starves. */
  private void letWaitingGoOn(int first, int last) {
    for (int chunk = first; chunk <= last; chunk++) {
      if (counters.writes(chunk) <= ChunkCounters.MAX_WRITES / 2) {
        overflowing.clear(chunk);
      }
    }
    BitmapWrite write = waitingForCounter.peek();
    while (write != null) {
      int from = geometry().chunkAt(write.startBytes());
      int to = geometry().chunkAt(write.endBytes() - 1);
      if (overflows(from, to)) {
        return;
      }
      waitingForCounter.remove();
      begin(from, to);
      commits.writeStarted();
      // Also when the bits are durable: the answer must not come from within another's endWrite.
      commits.await(write);
      write = waitingForCounter.peek();
    }
  }

  /**
   * A member failed, or could not be trusted any more: whatever has a bit must be copied to it
   * before it may come back (I5).
   */
  public void markAllNeeded() {
    counters.markAllNeeded();
  }

  /** Whether any chunk must be copied. Goes through pages, not chunks; away from the write path. */
  public boolean anyNeeded() {
    if (counters.anyNeededByItself()) {
      return true;
    }
    int page = counters.nextAllNeeded(0);
    while (page >= 0) {
      int set = pages.nextSet(geometry().firstChunkOf(page));
      if (set < 0) {
        return false;
      }
      if (geometry().pageOf(set) == page) {
        return true;
      }
      page = counters.nextAllNeeded(geometry().pageOf(set));
    }
    return false;
  }

  /**
   * Every member has what a chunk stands for, and none is absent: it need not be copied any more.
   */
  public void forgetNeeded(int chunk) {
    if (counters.isNeeded(chunk)) {
      counters.startResync(chunk);
      endResync(chunk, true);
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
    pages.attributes().set(geometry().pageOf(chunk), PENDING);
  }
}
