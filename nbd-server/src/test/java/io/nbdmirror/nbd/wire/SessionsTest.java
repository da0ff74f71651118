package io.nbdmirror.nbd.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.nbdmirror.nbd.export.ExportRegistry;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import io.netty.util.ResourceLeakDetector.Level;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Sessions by the hundred thousand, random and mutated: every well-formed request has exactly one
 * answer until the first that is broken, and whatever comes, nothing is left when the client is
 * gone. A failure names the seed of its session.
 */
class SessionsTest {
  private static final boolean LONG = "true".equals(System.getenv("NBDMIRROR_LONG"));
  private static final int SESSIONS = LONG ? 1_000_000 : 100_000;

  private final ExportRegistry exports = WireExports.on(EmbeddedServer.loop());

  /** Counts every byte: what a session leaves behind is seen at once. */
  private final UnpooledByteBufAllocator alloc = new UnpooledByteBufAllocator(true);

  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  void everyRequestHasOneAnswerAndNothingIsLeftBehind(long seed) {
    for (int i = 0; i < SESSIONS / 2; i++) {
      play(seed << 32 | i, alloc);
    }
  }

  /** A second opinion on leaks: the detector that watches buffers of every allocator. */
  @Test
  void theLeakDetectorFindsNothing() {
    Level level = ResourceLeakDetector.getLevel();
    StringBuilder leaks = new StringBuilder();
    ByteBufUtil.setLeakListener((type, records) -> leaks.append(records));
    ResourceLeakDetector.setLevel(Level.PARANOID);
    try {
      UnpooledByteBufAllocator watched = new UnpooledByteBufAllocator(true);
      for (int i = 0; i < 1000; i++) {
        play(3L << 32 | i, watched);
      }
      System.gc();
      // A leak is reported when the next buffer is made.
      for (int i = 0; i < 200; i++) {
        watched.directBuffer(16).release();
      }
    } finally {
      ResourceLeakDetector.setLevel(level);
      ByteBufUtil.setLeakListener(null);
    }
    assertThat(leaks).isEmpty();
  }

  private void play(long seed, UnpooledByteBufAllocator buffers) {
    EmbeddedServer server = new EmbeddedServer(exports, buffers);
    RandomSession session = new RandomSession(seed);
    try {
      if (seed % 2 == 0) {
        session.play(server);
      } else {
        session.playMutated(server);
      }
      server.close();
    } catch (RuntimeException | AssertionError e) {
      fail("session %d: %s".formatted(seed, e), e);
    }
    assertThat(server.usedBytes()).as("session %d: in flight", seed).isZero();
    assertThat(server.isUnfinished()).as("session %d: unfinished", seed).isFalse();
    assertThat(buffers.metric().usedDirectMemory()).as("session %d: direct", seed).isZero();
    assertThat(buffers.metric().usedHeapMemory()).as("session %d: heap", seed).isZero();
  }
}
