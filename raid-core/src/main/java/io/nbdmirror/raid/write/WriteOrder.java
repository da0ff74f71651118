package io.nbdmirror.raid.write;

import org.jspecify.annotations.Nullable;

/**
 * One order for overlapping changes (I11): a request is granted its range when every overlapping
 * one that came before has been released. Writes, zeroes, trims and resync windows all pass here,
 * so a window is a barrier around itself and nowhere else.
 *
 * <p>Ranges that lie within one bucket of 1 MiB hang in that bucket's list; the few that cross a
 * boundary hang in a list of their own, and look at every bucket they touch. Used on the array's
 * loop; allocates nothing.
 */
public final class WriteOrder {
  private static final int BUCKET_SHIFT = 20;
  private static final int BUCKETS = 1024;

  /** Sentinels: a list is circular through its own. */
  private final Sentinel[] buckets = new Sentinel[BUCKETS];

  private final Sentinel wide = new Sentinel();
  private long sequence;
  private int size;
  private @Nullable OrderedRange firstFreed;
  private @Nullable OrderedRange lastFreed;
  private boolean granting;

  public WriteOrder() {
    for (int i = 0; i < BUCKETS; i++) {
      buckets[i] = new Sentinel();
    }
  }

  /** Ranges granted or waiting. */
  public int size() {
    return size;
  }

  /**
   * Joins the order.
   *
   * @return whether the range is granted at once; if not, {@link OrderedRange#granted} is called
   *     later
   */
  public boolean acquire(OrderedRange range) {
    range.sequence = ++sequence;
    range.earlier = countOverlaps(range);
    size++;
    append(isWide(range) ? wide : bucketOf(range.startBytes()), range);
    return range.earlier == 0;
  }

  /** Leaves the order; those who waited for nothing else are granted, in order of arrival. */
  public void release(OrderedRange range) {
    assert range.earlier == 0 : "a range is released that was not granted (I11)";
    unlink(range);
    size--;
    if (isWide(range)) {
      long touched = bucketsTouched(range);
      for (long i = 0; i < touched; i++) {
        freeIn(bucketOf(range.startBytes() + (i << BUCKET_SHIFT)), range);
      }
    } else {
      freeIn(bucketOf(range.startBytes()), range);
    }
    freeIn(wide, range);
    grantFreed();
  }

  /**
   * For a read where members may differ: whether a change in the range {@linkplain
   * OrderedRange#mayBringOldBytes may bring old bytes}. If so, {@code then} runs when it and all
   * others that overlap have ended.
   */
  public boolean waitsForOldBytes(long startBytes, long endBytes, Runnable then) {
    ReadTurn turn = new ReadTurn(startBytes, endBytes, then);
    if (!overlapsOldBytes(turn)) {
      return false;
    }
    boolean granted = acquire(turn);
    assert !granted : "a change that overlaps does not count as earlier";
    return true;
  }

  private boolean overlapsOldBytes(OrderedRange range) {
    boolean old = oldBytesIn(wide, range);
    long touched = isWide(range) ? bucketsTouched(range) : 1;
    for (long i = 0; i < touched && !old; i++) {
      old = oldBytesIn(bucketOf(range.startBytes() + (i << BUCKET_SHIFT)), range);
    }
    return old;
  }

  private static boolean oldBytesIn(Sentinel list, OrderedRange range) {
    for (OrderedRange r = list.first(); r != list; r = nextOf(r)) {
      if (r.earlier == 0 && r.overlaps(range) && r.mayBringOldBytes()) {
        return true;
      }
    }
    return false;
  }

  /** A read behind the changes that came before; those after it may begin when it does. */
  private final class ReadTurn extends OrderedRange {
    private final Runnable then;

    ReadTurn(long startBytes, long endBytes, Runnable then) {
      setRange(startBytes, endBytes);
      this.then = then;
    }

    @Override
    protected void granted() {
      release(this);
      then.run();
    }
  }

  private void freeIn(Sentinel list, OrderedRange released) {
    for (OrderedRange r = list.first(); r != list; r = nextOf(r)) {
      if (r.sequence > released.sequence && r.overlaps(released) && --r.earlier == 0) {
        if (lastFreed == null) {
          firstFreed = r;
        } else {
          lastFreed.nextFreed = r;
        }
        lastFreed = r;
      }
    }
  }

  /** In a loop and not by recursion: a thousand writes of one block may each end at once. */
  private void grantFreed() {
    if (granting) {
      return;
    }
    granting = true;
    for (OrderedRange range = firstFreed; range != null; range = firstFreed) {
      firstFreed = range.nextFreed;
      range.nextFreed = null;
      if (firstFreed == null) {
        lastFreed = null;
      }
      range.granted();
    }
    granting = false;
  }

  private int countOverlaps(OrderedRange range) {
    int count = 0;
    if (isWide(range)) {
      long touched = bucketsTouched(range);
      for (long i = 0; i < touched; i++) {
        count += countIn(bucketOf(range.startBytes() + (i << BUCKET_SHIFT)), range);
      }
    } else {
      count += countIn(bucketOf(range.startBytes()), range);
    }
    return count + countIn(wide, range);
  }

  private static int countIn(Sentinel list, OrderedRange range) {
    int count = 0;
    for (OrderedRange r = list.first(); r != list; r = nextOf(r)) {
      if (r.overlaps(range)) {
        count++;
      }
    }
    return count;
  }

  private static boolean isWide(OrderedRange range) {
    return range.startBytes() >>> BUCKET_SHIFT != (range.endBytes() - 1) >>> BUCKET_SHIFT;
  }

  /** How many buckets a wide range must look at; past 1024 it has seen them all. */
  private static long bucketsTouched(OrderedRange range) {
    long first = range.startBytes() >>> BUCKET_SHIFT;
    long last = (range.endBytes() - 1) >>> BUCKET_SHIFT;
    return Math.min(last - first + 1, BUCKETS);
  }

  private Sentinel bucketOf(long offsetBytes) {
    return buckets[(int) (offsetBytes >>> BUCKET_SHIFT) & (BUCKETS - 1)];
  }

  private static OrderedRange nextOf(OrderedRange range) {
    OrderedRange next = range.next;
    assert next != null : "a range outside every list is walked";
    return next;
  }

  private static void append(Sentinel list, OrderedRange range) {
    OrderedRange last = list.last();
    last.next = range;
    range.previous = last;
    range.next = list;
    list.previous = range;
  }

  private static void unlink(OrderedRange range) {
    OrderedRange previous = range.previous;
    OrderedRange next = range.next;
    assert previous != null && next != null : "a range is released twice";
    previous.next = next;
    next.previous = previous;
    range.previous = null;
    range.next = null;
  }

  /** Head and tail of a circular list. */
  private static final class Sentinel extends OrderedRange {
    Sentinel() {
      next = this;
      previous = this;
    }

    OrderedRange first() {
      return nextOf(this);
    }

    OrderedRange last() {
      OrderedRange last = previous;
      assert last != null : "a list lost its tail";
      return last;
    }

    @Override
    protected void granted() {
      throw new AssertionError("the head of a list is no request");
    }
  }
}
