package io.nbdmirror.bitmap.pages;

import java.util.BitSet;

/**
 * The attributes of every page, each kept apart from the others, one bit a page and attribute
 * (md-bitmap.c, {@code enum bitmap_page_attr}). Used on one loop.
 */
public final class PageAttributes {
  /** What can be said of a page. */
  public enum Attribute {
    /** A bit was set that is not on the medium: data waits for this page. */
    DIRTY,
    /** The page has chunks that are on their way to being cleared. */
    PENDING,
    /** It is to be written, and nobody waits for it: mostly because a bit was cleared. */
    NEEDWRITE
  }

  private final BitSet dirty;
  private final BitSet pending;
  private final BitSet needwrite;

  PageAttributes(int pages) {
    dirty = new BitSet(pages);
    pending = new BitSet(pages);
    needwrite = new BitSet(pages);
  }

  private BitSet of(Attribute attribute) {
    return switch (attribute) {
      case DIRTY -> dirty;
      case PENDING -> pending;
      case NEEDWRITE -> needwrite;
    };
  }

  public boolean test(int page, Attribute attribute) {
    return of(attribute).get(page);
  }

  public void set(int page, Attribute attribute) {
    of(attribute).set(page);
  }

  public void clear(int page, Attribute attribute) {
    of(attribute).clear(page);
  }

  /** Whether any page has it. */
  public boolean any(Attribute attribute) {
    return !of(attribute).isEmpty();
  }

  /** The first page from {@code from} on that has it; -1 when there is none. */
  public int next(int from, Attribute attribute) {
    return of(attribute).nextSetBit(from);
  }
}
