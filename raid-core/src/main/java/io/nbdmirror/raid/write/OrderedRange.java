package io.nbdmirror.raid.write;

import org.jspecify.annotations.Nullable;

/**
 * A range of the array that one request at a time may change; a link of {@link WriteOrder}'s lists.
 * Whoever changes data extends it.
 */
public abstract class OrderedRange {
  @Nullable OrderedRange previous;
  @Nullable OrderedRange next;
  @Nullable OrderedRange nextFreed;
  long sequence;
  int earlier;
  private long start;
  private long end;

  /** Offset in the array of the first byte. */
  public final long startBytes() {
    return start;
  }

  /** Offset in the array of the byte behind the last. */
  public final long endBytes() {
    return end;
  }

  /** Only while the range is in no order. */
  protected final void setRange(long startBytes, long endBytes) {
    start = startBytes;
    end = endBytes;
  }

  /** Everything that came before and overlaps is done. */
  protected abstract void granted();

  /**
   * Whether what is on its way to members comes from one that may be out by now: where members
   * differ, that is something else than the others have (I4).
   */
  protected boolean mayBringOldBytes() {
    return false;
  }

  final boolean overlaps(OrderedRange other) {
    return start < other.end && other.start < end;
  }
}
