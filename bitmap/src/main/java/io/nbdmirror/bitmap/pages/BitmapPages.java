package io.nbdmirror.bitmap.pages;

import static io.nbdmirror.bitmap.format.BitmapGeometry.PAGE_BYTES;
import static io.nbdmirror.bitmap.pages.PageAttributes.Attribute.DIRTY;
import static io.nbdmirror.bitmap.pages.PageAttributes.Attribute.NEEDWRITE;
import static io.nbdmirror.bitmap.pages.PageAttributes.Attribute.PENDING;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.memory.Spares;
import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The pages of a bitmap, each three times over:
 *
 * <ul>
 *   <li>the <b>image</b>: what the bits should be, changed by writes and by clearing;
 *   <li>the <b>snapshot</b>: what a page's write in flight carries, stable until it ends;
 *   <li>the <b>durable</b> bits: those certainly on the medium, and there to stay. A bit that is
 *       cleared in the image is none of them from that moment on; while a write is in flight a bit
 *       counts only if it is set both before and after it (I1).
 * </ul>
 *
 * A page none of whose bits is set takes no memory: it is all zeroes, here and on the medium. The
 * first page, which has the superblock, is always there. Used on one loop.
 */
public final class BitmapPages {
  /** Pages in stock for chunks that have not been written to lately. */
  private static final int SPARE_PAGES = 16;

  private final BitmapGeometry geometry;
  private final @Nullable PageMemory[] pages;
  private final PageMemory first;
  private final PageAttributes attributes;
  private final BitSet inFlight;
  private final Spares<PageMemory> spares;
  private final BitmapSuperblock superblock;
  private int setBits;

  /** All bits clear, nothing on the medium, the superblock blank. */
  public BitmapPages(BitmapGeometry geometry) {
    this.geometry = geometry;
    int count = geometry.pages();
    pages = new PageMemory[count];
    attributes = new PageAttributes(count);
    inFlight = new BitSet(count);
    spares = new Spares<>(Math.min(count, SPARE_PAGES), PageMemory::new);
    first = spares.take();
    pages[0] = first;
    superblock = BitmapSuperblock.wrap(first.image);
  }

  public BitmapGeometry geometry() {
    return geometry;
  }

  public int count() {
    return pages.length;
  }

  public PageAttributes attributes() {
    return attributes;
  }

  /** The superblock in the image; to reach the medium page 0 must be written. */
  public BitmapSuperblock superblock() {
    return superblock;
  }

  /** How many bits of the image are set. */
  public int setBits() {
    return setBits;
  }

  /** Fills up the stock of pages; away from the write path. */
  public void topUp() {
    spares.topUp();
  }

  /**
   * Takes a page's bytes as they were read from the medium, its superblock with it on the first;
   * bits past the last chunk are dropped. Each page at most once, before anything else is done.
   *
   * @param source has the {@link BitmapGeometry#usedBytesOf} the page at {@code index}
   */
  public void load(int page, ByteBuf source, int index) {
    int used = geometry.usedBytesOf(page);
    if (page > 0 && isZero(source, index, used)) {
      return;
    }
    PageMemory memory = present(page);
    source.getBytes(index, memory.image.slice(0, used));
    cutAndCount(page, memory);
  }

  private static boolean isZero(ByteBuf source, int index, int bytes) {
    int at = 0;
    for (; at + Long.BYTES <= bytes; at += Long.BYTES) {
      if (source.getLong(index + at) != 0) {
        return false;
      }
    }
    for (; at < bytes; at++) {
      if (source.getByte(index + at) != 0) {
        return false;
      }
    }
    return true;
  }

  /** Sets every bit: nothing is known of any chunk. */
  public void setAll() {
    for (int page = 0; page < pages.length; page++) {
      PageMemory memory = present(page);
      for (int at = firstBitByte(page); at < PAGE_BYTES; at += Long.BYTES) {
        memory.image.putLong(at, -1L);
      }
      cutAndCount(page, memory);
    }
  }

  private void cutAndCount(int page, PageMemory memory) {
    setBits -= memory.setBits;
    if (page == pages.length - 1) {
      int used = geometry.usedBytesOf(page);
      int spare = geometry.chunks() % 8;
      if (spare != 0) {
        memory.image.put(used - 1, (byte) (memory.image.get(used - 1) & (1 << spare) - 1));
      }
      for (int at = used; at < PAGE_BYTES; at++) {
        memory.image.put(at, (byte) 0);
      }
    }
    memory.countBits(firstBitByte(page));
    setBits += memory.setBits;
  }

  private static int firstBitByte(int page) {
    return page == 0 ? BitmapSuperblock.BYTES : 0;
  }

  /** Copies a page's 4096 bytes as they should be into {@code target} from its start on. */
  public void copyTo(ByteBuffer target, int page) {
    target.put(0, present(page).image, 0, PAGE_BYTES);
  }

  /** Whether the page has memory: if not, all its bits are clear, and were when last written. */
  public boolean isPresent(int page) {
    return pages[page] != null;
  }

  /**
   * Gives every page memory, so that each can be written: for a medium of several copies, one of
   * which may have bits where the one that was read has none.
   */
  public void makeAllPresent() {
    for (int page = 0; page < pages.length; page++) {
      present(page);
    }
  }

  private PageMemory present(int page) {
    PageMemory memory = pages[page];
    if (memory == null) {
      memory = spares.take();
      pages[page] = memory;
    }
    return memory;
  }

  public boolean isSet(int chunk) {
    PageMemory memory = pages[geometry.pageOf(chunk)];
    return memory != null && bit(memory.image.getLong(longOf(chunk)), chunk);
  }

  /** The first chunk from {@code from} on whose bit is set; -1 when there is none. */
  public int nextSet(int from) {
    if (from >= geometry.chunks()) {
      return -1;
    }
    int page = geometry.pageOf(from);
    int at = longOf(from);
    long mask = -1L << geometry.bitInPage(from);
    for (; page < pages.length; page++) {
      PageMemory memory = pages[page];
      if (memory != null && memory.setBits > 0) {
        for (; at < PAGE_BYTES; at += Long.BYTES) {
          long word = memory.image.getLong(at) & mask;
          mask = -1L;
          if (word != 0) {
            return geometry.firstChunkOf(page)
                + (at - firstBitByte(page)) * 8
                + Long.numberOfTrailingZeros(word);
          }
        }
      }
      mask = -1L;
      at = 0;
    }
    return -1;
  }

  /** Whether the bit is set on the medium and no write in flight may take it away. */
  public boolean isDurable(int chunk) {
    PageMemory memory = pages[geometry.pageOf(chunk)];
    return memory != null && bit(memory.durable.getLong(longOf(chunk)), chunk);
  }

  /** Whether the page's write in flight carries the bit, and nothing cleared it since. */
  public boolean isBeingSet(int chunk) {
    int page = geometry.pageOf(chunk);
    PageMemory memory = pages[page];
    return memory != null
        && inFlight.get(page)
        && bit(memory.image.getLong(longOf(chunk)), chunk)
        && bit(memory.snapshot.getLong(longOf(chunk)), chunk);
  }

  /** Sets the bit in the image; whoever needs it on the medium marks its page DIRTY. */
  public void set(int chunk) {
    PageMemory memory = present(geometry.pageOf(chunk));
    int at = longOf(chunk);
    long word = memory.image.getLong(at);
    if (!bit(word, chunk)) {
      memory.image.putLong(at, word | 1L << geometry.bitInPage(chunk));
      memory.setBits++;
      setBits++;
    }
  }

  /**
   * Clears the bit in the image and marks its page NEEDWRITE. From now on it does not count as
   * durable: the page's write, whenever it begins, takes it away (I1).
   */
  public void clear(int chunk) {
    int page = geometry.pageOf(chunk);
    PageMemory memory = pages[page];
    int at = longOf(chunk);
    if (memory != null && bit(memory.image.getLong(at), chunk)) {
      long others = ~(1L << geometry.bitInPage(chunk));
      memory.image.putLong(at, memory.image.getLong(at) & others);
      memory.durable.putLong(at, memory.durable.getLong(at) & others);
      memory.setBits--;
      setBits--;
      attributes.set(page, NEEDWRITE);
    }
  }

  /** Forgets what is on the medium: every page must be written before a bit counts as durable. */
  public void forgetDurable() {
    for (PageMemory memory : pages) {
      if (memory != null) {
        memory.forgetDurable();
      }
    }
  }

  public boolean isInFlight(int page) {
    return inFlight.get(page);
  }

  /** Whether no page is being written. */
  public boolean noneInFlight() {
    return inFlight.isEmpty();
  }

  /**
   * A write of {@code page} begins: takes the snapshot it carries, and the page's DIRTY and
   * NEEDWRITE away.
   *
   * @return the buffer to write from, at index 0
   */
  public ByteBuf startWrite(int page) {
    assert !inFlight.get(page) : "two writes of bitmap page " + page + " in flight (I2)";
    PageMemory memory = present(page);
    inFlight.set(page);
    attributes.clear(page, DIRTY);
    attributes.clear(page, NEEDWRITE);
    memory.snapshot.put(0, memory.image, 0, PAGE_BYTES);
    memory.narrowDurable();
    return memory.snapshotBytes;
  }

  /**
   * The write of {@code page} ended; only if it succeeded is the snapshot on the medium. A page
   * that is all zeroes there and here gives its memory back.
   */
  public void endWrite(int page, boolean success) {
    assert inFlight.get(page) : "a write of bitmap page " + page + " ends that did not begin";
    PageMemory memory = present(page);
    inFlight.clear(page);
    if (!success) {
      return;
    }
    memory.snapshotWritten();
    if (page > 0
        && memory.setBits == 0
        && !attributes.test(page, DIRTY)
        && !attributes.test(page, NEEDWRITE)
        && !attributes.test(page, PENDING)) {
      pages[page] = null;
      spares.give(memory);
    }
  }

  private int longOf(int chunk) {
    return geometry.bitInPage(chunk) >>> 6 << 3;
  }

  private boolean bit(long word, int chunk) {
    return (word >>> geometry.bitInPage(chunk) & 1) != 0;
  }
}
