package io.nbdmirror.nbd.array;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.io.Completion;
import io.nbdmirror.nbd.export.MetaContext;
import io.nbdmirror.nbd.export.StatusExtents;
import io.nbdmirror.nbd.protocol.Wire;
import java.util.function.Supplier;

/**
 * {@code qemu:dirty-bitmap:write-intent}: the write-intent bitmap as QEMU and the programs around
 * it read dirty bitmaps. Asked on the array's loop.
 */
public final class BitmapContext implements MetaContext {
  public static final String NAME = "qemu:dirty-bitmap:write-intent";

  private final Supplier<WriteIntentBitmap> current;

  /**
   * @param current the bitmap that the array has now
   */
  public BitmapContext(Supplier<WriteIntentBitmap> current) {
    this.current = current;
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public void describe(StatusExtents into, Completion done) {
    WriteIntentBitmap bitmap = current.get();
    BitmapGeometry geometry = bitmap.geometry();
    for (int step = 0; step < ChunkRun.MAX_STEPS && !into.isFull(); step++) {
      long position = into.positionBytes();
      ChunkRun run = ChunkRun.at(geometry, bitmap, geometry.chunkAt(position));
      into.add(run.endBytes() - position, run.isSet() ? Wire.STATE_DIRTY : 0);
    }
    done.completed(null);
  }
}
