package io.nbdmirror.bitmap.counters;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.memory.Spares;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The 16-bit counter of each chunk, as md keeps it (md-bitmap.h, {@code bitmap_counter_t}).
 *
 * <pre>
 *   15      14      13 ... 0
 *   NEEDED  RESYNC  count
 *
 *   count 0    no bit is set
 *         1    idle for a whole period: the next pass may clear the bit
 *         2    idle since the last pass
 *         n    n - 2 writes in flight
 * </pre>
 *
 * NEEDED: members may differ here and it must be copied. RESYNC: it is being copied. With either
 * flag a chunk never ages.
 *
 * <p>Counters take memory by the page, from the first write to one of its chunks until all are zero
 * again. Of a page without them every chunk whose bit is set counts as idle and, where all are
 * {@linkplain #markAllNeeded said to be}, as NEEDED. Used on one loop.
 */
public final class ChunkCounters {
  /** The most writes in flight that one chunk can count. */
  public static final int MAX_WRITES = 0x3fff - 2;

  private static final int NEEDED = 0x8000;
  private static final int RESYNC = 0x4000;
  private static final int COUNT = 0x3fff;
  private static final int IDLE = 2;
  private static final int AGED = 1;

  /** Pages in stock for chunks that have not been written to lately. */
  private static final int SPARE_PAGES = 16;

  private final BitmapGeometry geometry;
  private final SetBits bits;
  private final @Nullable CounterPage[] pages;
  private final Spares<CounterPage> spares;

  /** Pages of which every chunk with a bit set is NEEDED, whatever its counter says. */
  private final BitSet allNeeded;

  private int agedChunks;
  private int neededChunks;

  /**
   * Counters of chunks that are all idle, or have no bit set.
   *
   * @param bits which bits are set; a bit and its counter change together
   */
  public ChunkCounters(BitmapGeometry geometry, SetBits bits) {
    this.geometry = geometry;
    this.bits = bits;
    pages = new CounterPage[geometry.pages()];
    spares = new Spares<>(Math.min(geometry.pages(), SPARE_PAGES), CounterPage::new);
    allNeeded = new BitSet(geometry.pages());
  }

  /** Fills up the stock of pages; away from the write path. */
  public void topUp() {
    spares.topUp();
  }

  /** How many chunks the next pass may clear. */
  public int agedChunks() {
    return agedChunks;
  }

  /** Whether a chunk is NEEDED by its own counter, and not only because its whole page is. */
  public boolean anyNeededByItself() {
    return neededChunks > 0;
  }

  /** The first page from {@code from} on whose set bits are all NEEDED; -1 when there is none. */
  public int nextAllNeeded(int from) {
    return allNeeded.nextSetBit(from);
  }

  /** Whether the page has chunks that the next pass may clear. */
  public boolean hasAged(int page) {
    CounterPage counters = pages[page];
    return counters != null && counters.aged > 0;
  }

  /** Pages that have memory of their own. */
  public int pagesInUse() {
    int count = 0;
    for (CounterPage page : pages) {
      count += page == null ? 0 : 1;
    }
    return count;
  }

  /** Whether no further write fits. */
  public boolean isFull(int chunk) {
    return (value(chunk) & COUNT) == COUNT;
  }

  /** Whether the chunk has no bit set. */
  public boolean isUnset(int chunk) {
    return (value(chunk) & COUNT) == 0;
  }

  /** Whether nothing happened in the chunk for a whole period and nothing need be copied. */
  public boolean isAged(int chunk) {
    return value(chunk) == AGED;
  }

  public boolean isNeeded(int chunk) {
    return (value(chunk) & NEEDED) != 0;
  }

  public boolean isResyncing(int chunk) {
    return (value(chunk) & RESYNC) != 0;
  }

  /** Writes in flight. */
  public int writes(int chunk) {
    return Math.max(0, (value(chunk) & COUNT) - IDLE);
  }

  /** A write begins; the caller has seen that the counter is not full, and sets the bit. */
  public void startWrite(int chunk) {
    CounterPage page = counted(chunk);
    int index = geometry.bitInPage(chunk);
    int counter = page.values.get(index);
    int count = Math.max(counter & COUNT, IDLE) + 1;
    assert count <= COUNT : "counter of chunk " + chunk + " overflows";
    put(page, index, counter, (counter & ~COUNT) | count);
  }

  /** A write ended. A failed one leaves the chunk NEEDED. */
  public void endWrite(int chunk, boolean success) {
    CounterPage page = counted(chunk);
    int index = geometry.bitInPage(chunk);
    int counter = page.values.get(index);
    assert (counter & COUNT) > IDLE : "a write of chunk " + chunk + " ends that did not begin";
    put(page, index, counter, success ? counter - 1 : (counter - 1) | NEEDED);
  }

  /** Every chunk with a bit set must be copied. */
  public void markAllNeeded() {
    allNeeded.set(0, pages.length);
  }

  /** A chunk with its bit set must be copied. */
  public void markNeeded(int chunk) {
    CounterPage page = counted(chunk);
    int index = geometry.bitInPage(chunk);
    int counter = page.values.get(index);
    put(page, index, counter, (counter & ~COUNT) | Math.max(counter & COUNT, IDLE) | NEEDED);
  }

  /** NEEDED becomes RESYNC: copying begins. */
  public void startResync(int chunk) {
    CounterPage page = counted(chunk);
    int index = geometry.bitInPage(chunk);
    int counter = page.values.get(index);
    put(page, index, counter, (counter & ~NEEDED) | RESYNC);
  }

  /** Copying ended; if it did not succeed, or not for all members, the chunk stays NEEDED. */
  public void endResync(int chunk, boolean success) {
    CounterPage page = counted(chunk);
    int index = geometry.bitInPage(chunk);
    int counter = page.values.get(index);
    put(page, index, counter, success ? counter & ~RESYNC : (counter & ~RESYNC) | NEEDED);
  }

  /** A pass of the daemon goes by: an idle chunk is aged now. */
  public void age(int chunk) {
    CounterPage page = counted(chunk);
    int index = geometry.bitInPage(chunk);
    if (page.values.get(index) == IDLE) {
      put(page, index, IDLE, AGED);
    }
  }

  /** The bit of an aged chunk is cleared. */
  public void clear(int chunk) {
    assert isAged(chunk) : "chunk " + chunk + " is cleared in use";
    int number = geometry.pageOf(chunk);
    CounterPage page = counted(chunk);
    put(page, geometry.bitInPage(chunk), AGED, 0);
    if (page.inUse == 0) {
      pages[number] = null;
      spares.give(page);
    }
  }

  private void put(CounterPage page, int index, int before, int after) {
    page.values.put(index, (char) after);
    if (before == 0) {
      page.inUse++;
    }
    if (after == 0) {
      page.inUse--;
    }
    int aged = (after == AGED ? 1 : 0) - (before == AGED ? 1 : 0);
    page.aged += aged;
    agedChunks += aged;
    int needed = (after & NEEDED) - (before & NEEDED);
    if (needed != 0) {
      neededChunks += Integer.signum(needed);
    }
  }

  private int value(int chunk) {
    int number = geometry.pageOf(chunk);
    CounterPage page = pages[number];
    if (page == null) {
      return bits.isSet(chunk) ? IDLE | neededFlag(number) : 0;
    }
    int counter = page.values.get(geometry.bitInPage(chunk));
    return counter == 0 ? 0 : counter | neededFlag(number);
  }

  private int neededFlag(int number) {
    return allNeeded.get(number) ? NEEDED : 0;
  }

  /** The chunk's page with counters that say everything by themselves. */
  private CounterPage counted(int chunk) {
    int number = geometry.pageOf(chunk);
    CounterPage page = pages[number];
    if (page == null) {
      page = spares.take();
      pages[number] = page;
      fill(page, number);
      allNeeded.clear(number);
    } else if (allNeeded.get(number)) {
      spread(page);
      allNeeded.clear(number);
    }
    return page;
  }

  private void fill(CounterPage page, int number) {
    int first = geometry.firstChunkOf(number);
    int end = number + 1 < pages.length ? geometry.firstChunkOf(number + 1) : geometry.chunks();
    int idle = IDLE | neededFlag(number);
    for (int chunk = first; chunk < end; chunk++) {
      if (bits.isSet(chunk)) {
        put(page, geometry.bitInPage(chunk), 0, idle);
      }
    }
  }

  private void spread(CounterPage page) {
    for (int index = 0; index < CounterPage.COUNTERS; index++) {
      int counter = page.values.get(index);
      if (counter != 0) {
        int count = Math.max(counter & COUNT, IDLE);
        put(page, index, counter, (counter & ~COUNT) | count | NEEDED);
      }
    }
  }
}
