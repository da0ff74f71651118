package io.nbdmirror.bitmap.memory;

import java.util.ArrayDeque;
import java.util.function.Supplier;

/**
 * Things kept in stock, so that a write that needs one finds it made: making one takes memory, and
 * a write that waits for memory may be what frees it (I9). The stock is filled up by {@link
 * #topUp}, away from the write path; only when it has run out does {@link #take} make one. Used on
 * the array's loop.
 */
public final class Spares<T> {
  /** More than this are not kept when they come back. */
  private static final int KEPT_OF_WANTED = 4;

  private final Supplier<T> make;
  private final int wanted;
  private final ArrayDeque<T> stock;

  /**
   * A full stock.
   *
   * @param wanted how many there shall be
   */
  public Spares(int wanted, Supplier<T> make) {
    this.make = make;
    this.wanted = wanted;
    stock = new ArrayDeque<>(KEPT_OF_WANTED * wanted + 1);
    topUp();
  }

  public T take() {
    T one = stock.poll();
    return one == null ? make.get() : one;
  }

  /** Takes one back that is as new. */
  public void give(T one) {
    if (stock.size() < KEPT_OF_WANTED * wanted) {
      stock.push(one);
    }
  }

  /** Makes what the stock lacks; not to be called while a write waits. */
  public void topUp() {
    while (stock.size() < wanted) {
      stock.push(make.get());
    }
  }
}
