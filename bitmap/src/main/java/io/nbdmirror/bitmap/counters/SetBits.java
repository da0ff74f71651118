package io.nbdmirror.bitmap.counters;

/** Which bits are set: the state of every chunk that nothing was counted of yet. */
@FunctionalInterface
public interface SetBits {
  boolean isSet(int chunk);
}
