package io.nbdmirror.bitmap.format;

/** The state of every chunk, of a bitmap in use or of one that was read to be looked at. */
public interface ChunkStates {
  /** The first chunk from {@code from} on that is not clean; -1 when there is none. */
  int nextSet(int from);

  /** The state of a chunk that is not clean. */
  ChunkState stateOf(int chunk);
}
