package io.nbdmirror.nbd.array;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.ChunkState;
import io.nbdmirror.bitmap.format.ChunkStates;

/**
 * A chunk whose bit is set, or chunks up to the next whose is.
 *
 * @param endBytes the first byte behind it
 */
record ChunkRun(ChunkState state, long endBytes) {
  /** How many runs are looked at in one turn of the loop: about a millisecond. */
  static final int MAX_STEPS = 1 << 16;

  static ChunkRun at(BitmapGeometry geometry, ChunkStates states, int chunk) {
    int set = states.nextSet(chunk);
    if (set == chunk) {
      return new ChunkRun(states.stateOf(chunk), geometry.chunkEndBytes(chunk));
    }
    return new ChunkRun(
        ChunkState.CLEAN, set < 0 ? geometry.sizeBytes() : geometry.chunkStartBytes(set));
  }

  boolean isSet() {
    return state != ChunkState.CLEAN;
  }
}
