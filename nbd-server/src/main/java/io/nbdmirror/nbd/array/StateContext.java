package io.nbdmirror.nbd.array;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.ChunkState;
import io.nbdmirror.io.Completion;
import io.nbdmirror.nbd.export.MetaContext;
import io.nbdmirror.nbd.export.StatusExtents;
import io.nbdmirror.raid.status.ArrayStatus.Mismatch;
import java.util.Comparator;
import java.util.List;
import java.util.function.Supplier;

/**
 * {@code x-nbdmirror:state}: what the array knows of each of its parts. Asked on the array's loop.
 *
 * <pre>
 *  bit 0  DIRTY         its bit is set in the write-intent bitmap
 *  bit 1  NEEDS_RESYNC  members may differ there, and it will be copied
 *  bit 2  RESYNCING     it is being copied
 *  bit 3  MISMATCH      the last check found members to differ there
 * </pre>
 *
 * <p>Bits 1 and 2 come with bit 0; none set means that the members are the same.
 */
public final class StateContext implements MetaContext {
  public static final String NAME = "x-nbdmirror:state";

  static final int DIRTY = 1;
  static final int NEEDS_RESYNC = 1 << 1;
  static final int RESYNCING = 1 << 2;
  static final int MISMATCH = 1 << 3;

  private final Supplier<WriteIntentBitmap> current;
  private final Supplier<List<Mismatch>> mismatches;

  /**
   * @param current the bitmap that the array has now
   * @param mismatches where the last check found members to differ
   */
  public StateContext(Supplier<WriteIntentBitmap> current, Supplier<List<Mismatch>> mismatches) {
    this.current = current;
    this.mismatches = mismatches;
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public void describe(StatusExtents into, Completion done) {
    WriteIntentBitmap bitmap = current.get();
    BitmapGeometry geometry = bitmap.geometry();
    List<Mismatch> differing =
        mismatches.get().stream().sorted(Comparator.comparingLong(Mismatch::offsetBytes)).toList();
    int next = 0;
    for (int step = 0; step < ChunkRun.MAX_STEPS && !into.isFull(); step++) {
      long position = into.positionBytes();
      ChunkRun run = ChunkRun.at(geometry, bitmap, geometry.chunkAt(position));
      while (next < differing.size() && endOf(differing.get(next)) <= position) {
        next++;
      }
      int flags = flagsOf(run.state());
      long endBytes = run.endBytes();
      if (next < differing.size()) {
        Mismatch mismatch = differing.get(next);
        if (mismatch.offsetBytes() <= position) {
          flags |= MISMATCH;
          endBytes = Math.min(endBytes, endOf(mismatch));
        } else {
          endBytes = Math.min(endBytes, mismatch.offsetBytes());
        }
      }
      into.add(endBytes - position, flags);
    }
    done.completed(null);
  }

  private static long endOf(Mismatch mismatch) {
    return mismatch.offsetBytes() + mismatch.lengthBytes();
  }

  private static int flagsOf(ChunkState state) {
    return switch (state) {
      case CLEAN -> 0;
      case DIRTY -> DIRTY;
      case RESYNCING -> DIRTY | RESYNCING;
      case NEEDS_RESYNC -> DIRTY | NEEDS_RESYNC;
    };
  }
}
