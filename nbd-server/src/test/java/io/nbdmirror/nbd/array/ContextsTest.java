package io.nbdmirror.nbd.array;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.nbd.export.MetaContext;
import io.nbdmirror.nbd.export.StatusExtents;
import io.nbdmirror.raid.status.ArrayStatus.Mismatch;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is told of an array of 64 MiB whose chunks 3, 4 and 1023 are dirty, 4 to be copied. */
class ContextsTest {
  private static final long CHUNK = 65_536;
  private static final long SIZE = 64L << 20;

  private final WriteIntentBitmap bitmap = new FakeArray("vm").bitmap();

  @Test
  void theBitmapSaysWhereItIsDirty() {
    assertThat(describe(new BitmapContext(() -> bitmap), 0, SIZE))
        .containsExactly(3 * CHUNK, 0L, 2 * CHUNK, 1L, (1023 - 5) * CHUNK, 0L, CHUNK, 1L);
  }

  @Test
  void aRangeMayBeginAndEndWithinAChunk() {
    assertThat(describe(new BitmapContext(() -> bitmap), 3 * CHUNK - 1, 2))
        .containsExactly(1L, 0L, 1L, 1L);
  }

  @Test
  void theStateTellsDirtyFromToBeCopied() {
    bitmap.startResync(1023);
    assertThat(describe(new StateContext(() -> bitmap, List::of), 0, SIZE))
        .containsExactly(3 * CHUNK, 0L, CHUNK, 1L, CHUNK, 3L, (1023 - 5) * CHUNK, 0L, CHUNK, 5L);
  }

  @Test
  void mismatchesCutChunks() {
    List<Mismatch> mismatches =
        List.of(new Mismatch(3 * CHUNK + 4096, 8192), new Mismatch(512, 1024));
    assertThat(describe(new StateContext(() -> bitmap, () -> mismatches), 0, 4 * CHUNK))
        .containsExactly(
            512L, 0L, 1024L, 8L, 3 * CHUNK - 1536, 0L, 4096L, 1L, 8192L, 9L, CHUNK - 12_288, 1L);
  }

  private static List<Long> describe(MetaContext context, long offset, long length) {
    ByteBuf out = Unpooled.buffer();
    StatusExtents extents = new StatusExtents(out, true, offset, length, 100);
    context.describe(extents, failure -> assertThat(failure).isNull());
    extents.finish();
    List<Long> told = new ArrayList<>();
    while (out.isReadable()) {
      told.add(out.readLong());
    }
    return told;
  }
}
