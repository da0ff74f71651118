package io.nbdmirror.nbd.wire;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.Arrays;

/**
 * Any bytes at all, in the handshake and in transmission: no exception, and nothing left behind.
 *
 * <p>As a test this plays the inputs that are kept beside it. {@code scripts/fuzz} looks for new
 * ones, guided by what they reach in the code.
 */
class AnyBytesFuzzTest {
  private final ExportRegistry exports = WireExports.on(EmbeddedServer.loop());
  private final UnpooledByteBufAllocator alloc = new UnpooledByteBufAllocator(true);

  @FuzzTest
  void handshake(byte[] bytes) {
    EmbeddedServer server = new EmbeddedServer(exports, alloc);
    server.send(Sent.clientFlags(3));
    inPieces(server, bytes);
    end(server);
  }

  @FuzzTest
  void transmission(byte[] bytes) {
    if (bytes.length == 0) {
      return;
    }
    EmbeddedServer server = new EmbeddedServer(exports, alloc);
    Framing framing = Framing.by(bytes[0] & 0xff);
    String[] contexts =
        framing == Framing.SIMPLE
            ? new String[0]
            : new String[] {"base:allocation", "x-nbdmirror:state"};
    for (WireCase.Exchange exchange : RequestCases.attach(framing, "disk", contexts)) {
      server.send(exchange.sent());
    }
    inPieces(server, Arrays.copyOfRange(bytes, 1, bytes.length));
    end(server);
  }

  /** The first byte says how long the first piece is; the rest comes at once. */
  private static void inPieces(EmbeddedServer server, byte[] bytes) {
    if (bytes.length < 2) {
      server.send(bytes);
      return;
    }
    int first = 1 + Math.min(bytes[0] & 0xff, bytes.length - 1);
    server.send(Arrays.copyOfRange(bytes, 1, first));
    server.send(Arrays.copyOfRange(bytes, first, bytes.length));
  }

  private void end(EmbeddedServer server) {
    server.close();
    if (server.usedBytes() != 0 || server.isUnfinished()) {
      throw new AssertionError("something is in flight for ever");
    }
    if (alloc.metric().usedDirectMemory() != 0 || alloc.metric().usedHeapMemory() != 0) {
      throw new AssertionError("a buffer is left behind");
    }
  }
}
