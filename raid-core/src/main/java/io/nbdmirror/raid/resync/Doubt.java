package io.nbdmirror.raid.resync;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.raid.bitmap.ArrayBitmap;
import io.nbdmirror.raid.read.ReadPath;
import java.util.BitSet;

/**
 * The chunks in which members in sync may differ from one another, because the array was not
 * stopped cleanly, has grown, or could not be written and not be made the same again. Until a chunk
 * is resynced, reads of it come from the source alone (I4). The bitmap is not exchanged while there
 * is any. Used on the array's loop.
 */
public final class Doubt implements ReadPath.Doubt {
  private final ArrayBitmap bitmap;
  private final BitSet chunks = new BitSet();

  public Doubt(ArrayBitmap bitmap) {
    this.bitmap = bitmap;
  }

  /** Every chunk is in doubt that the bitmap has as NEEDED. */
  public void addNeeded() {
    WriteIntentBitmap current = bitmap.current();
    for (int chunk = current.nextSet(0); chunk >= 0; chunk = current.nextSet(chunk + 1)) {
      if (current.counters().isNeeded(chunk)) {
        chunks.set(chunk);
      }
    }
  }

  /** Members got different things there. */
  public void add(long startBytes, long endBytes) {
    BitmapGeometry geometry = bitmap.current().geometry();
    chunks.set(geometry.chunkAt(startBytes), geometry.chunkAt(endBytes - 1) + 1);
  }

  /** Everything from an offset to the end is in doubt: the array has grown. */
  public void addFrom(long offsetBytes) {
    BitmapGeometry geometry = bitmap.current().geometry();
    chunks.set(geometry.chunkAt(offsetBytes), geometry.chunks());
  }

  @Override
  public boolean mayDiffer(long startBytes, long endBytes) {
    if (chunks.isEmpty()) {
      return false;
    }
    BitmapGeometry geometry = bitmap.current().geometry();
    int next = chunks.nextSetBit(geometry.chunkAt(startBytes));
    return next >= 0 && next <= geometry.chunkAt(endBytes - 1);
  }

  boolean isIn(int chunk) {
    return chunks.get(chunk);
  }

  public boolean isEmpty() {
    return chunks.isEmpty();
  }

  int count() {
    return chunks.cardinality();
  }

  /** The first at or behind {@code from}; -1 when there is none. */
  int next(int from) {
    return chunks.nextSetBit(from);
  }

  /** The first one behind {@code chunk} that is not in doubt. */
  int endOfRun(int chunk) {
    return chunks.nextClearBit(chunk);
  }

  void remove(int chunk) {
    chunks.clear(chunk);
  }

  /** One copy is left: there is nothing for it to differ from. */
  void clear() {
    chunks.clear();
  }
}
