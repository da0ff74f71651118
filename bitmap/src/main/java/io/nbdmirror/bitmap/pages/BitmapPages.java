package io.nbdmirror.bitmap.pages;

import static io.nbdmirror.bitmap.format.BitmapGeometry.PAGE_BYTES;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The pages of a bitmap, three times over:
 *
 * <ul>
 *   <li>the <b>image</b>: what the bits should be, changed by writes and by clearing;
 *   <li>the <b>snapshot</b>: what a page's write in flight carries, stable until it ends;
 *   <li>the <b>durable</b> bits: those certainly on the medium. While a write is in flight a bit
 *       counts only if it is set both before and after it, so that a clearing write takes its bit
 *       away the moment it starts (I1).
 * </ul>
 *
 * Each page has three attributes, kept apart: DIRTY, a bit was set that is not written yet;
 * PENDING, the clearing pass has something to look at; NEEDWRITE, a bit was cleared and the page
 * may be written at leisure. Everything is allocated at the start. Used on one loop.
 */
public final class BitmapPages {
  /** A bit was set that is not on the medium: data waits for this page. */
  public static final int DIRTY = 1;

  /** The page has chunks that are on their way to being cleared. */
  public static final int PENDING = 2;

  /** A bit was cleared: to be written, nobody waits. */
  public static final int NEEDWRITE = 4;

  private final BitmapGeometry geometry;
  private final int pages;
  private final ByteBuffer image;
  private final ByteBuf imageBytes;
  private final ByteBuffer snapshot;
  private final ByteBuf snapshotBytes;
  private final ByteBuffer durable;
  private final byte[] attributes;
  private final boolean[] inFlight;
  private final BitmapSuperblock superblock;
  private int setBits;

  /** All bits clear, nothing on the medium, the superblock blank. */
  public BitmapPages(BitmapGeometry geometry) {
    this.geometry = geometry;
    pages = geometry.pages();
    image = alignedBuffer(pages * PAGE_BYTES);
    imageBytes = Unpooled.wrappedBuffer(image);
    snapshot = alignedBuffer(pages * PAGE_BYTES);
    snapshotBytes = Unpooled.wrappedBuffer(snapshot);
    durable = ByteBuffer.allocate(pages * PAGE_BYTES);
    attributes = new byte[pages];
    inFlight = new boolean[pages];
    superblock = BitmapSuperblock.wrap(image);
  }

  /** Memory at a page boundary, as direct I/O wants it. */
  private static ByteBuffer alignedBuffer(int bytes) {
    return ByteBuffer.allocateDirect(bytes + PAGE_BYTES).alignedSlice(PAGE_BYTES).slice(0, bytes);
  }

  public BitmapGeometry geometry() {
    return geometry;
  }

  public int count() {
    return pages;
  }

  /** The superblock in the image; to reach the medium page 0 must be written. */
  public BitmapSuperblock superblock() {
    return superblock;
  }

  /** How many bits of the image are set. */
  public int setBits() {
    return setBits;
  }

  /** The image, for loading: {@code pages * 4096} bytes; {@link #loaded} ends it. */
  public ByteBuf image() {
    return imageBytes;
  }

  /**
   * Counts the bits of an image that was filled from outside, those past the last chunk cleared.
   */
  public void loaded() {
    int used = (int) geometry.storedBytes();
    int spare = geometry.chunks() % 8;
    if (spare != 0) {
      image.put(used - 1, (byte) (image.get(used - 1) & (1 << spare) - 1));
    }
    for (int at = used; at < pages * PAGE_BYTES; at++) {
      image.put(at, (byte) 0);
    }
    setBits = 0;
    for (int at = BitmapSuperblock.BYTES; at < used; at++) {
      setBits += Integer.bitCount(image.get(at) & 0xff);
    }
  }

  public boolean isSet(int chunk) {
    return (image.get(byteOf(chunk)) & maskOf(chunk)) != 0;
  }

  /** Whether the bit is set on the medium and no write in flight may take it away. */
  public boolean isDurable(int chunk) {
    return (durable.get(byteOf(chunk)) & maskOf(chunk)) != 0;
  }

  /** Whether the page's write in flight carries the bit, and nothing cleared it since. */
  public boolean isBeingSet(int chunk) {
    return inFlight[geometry.pageOf(chunk)]
        && isSet(chunk)
        && (snapshot.get(byteOf(chunk)) & maskOf(chunk)) != 0;
  }

  /** Sets the bit in the image; whoever needs it on the medium marks its page DIRTY. */
  public void set(int chunk) {
    int at = byteOf(chunk);
    if ((image.get(at) & maskOf(chunk)) == 0) {
      image.put(at, (byte) (image.get(at) | maskOf(chunk)));
      setBits++;
    }
  }

  /** Clears the bit in the image and marks its page NEEDWRITE. */
  public void clear(int chunk) {
    int at = byteOf(chunk);
    if ((image.get(at) & maskOf(chunk)) != 0) {
      image.put(at, (byte) (image.get(at) & ~maskOf(chunk)));
      setBits--;
    }
    mark(geometry.pageOf(chunk), NEEDWRITE);
  }

  public boolean has(int page, int attribute) {
    return (attributes[page] & attribute) != 0;
  }

  public void mark(int page, int attribute) {
    attributes[page] |= (byte) attribute;
  }

  public void unmark(int page, int attribute) {
    attributes[page] &= (byte) ~attribute;
  }

  /** Forgets what is on the medium: every page must be written before a bit counts as durable. */
  public void forgetDurable() {
    Arrays.fill(durable.array(), (byte) 0);
  }

  /**
   * A write of {@code page} begins: takes the snapshot it carries, and the page's DIRTY and
   * NEEDWRITE away.
   *
   * @return the buffer to write from, at index {@code page * 4096}
   */
  public ByteBuf startWrite(int page) {
    assert !inFlight[page] : "two writes of bitmap page " + page + " in flight (I2)";
    inFlight[page] = true;
    attributes[page] &= (byte) ~(DIRTY | NEEDWRITE);
    int start = page * PAGE_BYTES;
    snapshot.put(start, image, start, PAGE_BYTES);
    for (int at = start; at < start + PAGE_BYTES; at += Long.BYTES) {
      durable.putLong(at, durable.getLong(at) & snapshot.getLong(at));
    }
    return snapshotBytes;
  }

  /** The write of {@code page} ended; only if it succeeded is the snapshot on the medium. */
  public void endWrite(int page, boolean success) {
    assert inFlight[page] : "a write of bitmap page " + page + " ends that did not begin";
    inFlight[page] = false;
    if (success) {
      durable.put(page * PAGE_BYTES, snapshot, page * PAGE_BYTES, PAGE_BYTES);
    }
  }

  private int byteOf(int chunk) {
    return BitmapSuperblock.BYTES + (chunk >>> 3);
  }

  private static int maskOf(int chunk) {
    return 1 << (chunk & 7);
  }
}
