package io.nbdmirror.raid;

import io.nbdmirror.raid.assembly.BitmapFile;
import org.jspecify.annotations.Nullable;

/**
 * Where a running array shall keep its bitmap from now on. Immutable.
 *
 * @param file a new bitmap file, opened on the array's loop and as long as a bitmap of {@code
 *     chunkBytes} for this array; null for on the members, or nowhere
 * @param internal on the members
 * @param chunkBytes bytes of the array for each bit; 0 for the usual
 */
public record BitmapTarget(@Nullable BitmapFile file, boolean internal, long chunkBytes) {
  /** No bitmap. */
  public static final BitmapTarget NONE = new BitmapTarget(null, false, 0);

  public static BitmapTarget onMembers(long chunkBytes) {
    return new BitmapTarget(null, true, chunkBytes);
  }

  public static BitmapTarget inFile(BitmapFile file, long chunkBytes) {
    return new BitmapTarget(file, false, chunkBytes);
  }
}
