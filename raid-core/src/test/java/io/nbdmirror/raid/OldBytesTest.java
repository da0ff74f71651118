package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Latency;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.Outcome;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/**
 * Members differ after a crash, and the one that is read from fails while bytes of it are on their
 * way to the next. What that one holds is read once they are there, not before and after (I4).
 */
class OldBytesTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final long MILLISECOND = 1_000_000;

  @Test
  void whatAWriteBringsAroundItsOwn() {
    TestArray later = afterCrash(4096);
    later.devices.getFirst().inject(slow(Operation.EXTENTS));
    Mirror mirror = later.assemble();
    new ArrayClient(later, mirror).submit(512, 512, 3);
    readsTheSameBeforeAndAfter(later, mirror);
  }

  @Test
  void whatAResyncCopies() {
    TestArray later = afterCrash(512);
    readsTheSameBeforeAndAfter(later, later.assemble());
  }

  private static void readsTheSameBeforeAndAfter(TestArray later, Mirror mirror) {
    SimulatedDevice target = later.devices.get(1);
    target.inject(slow(Operation.WRITE).within(TestArray.DATA_OFFSET_BYTES, 4096));
    later.scheduler.runUntil(() -> isWritten(target));
    mirror.membership().fail("member0", failure -> assertThat(failure).isNull());
    ByteBuf before = Unpooled.directBuffer(512, 512).writerIndex(512);
    Outcome read = new Outcome();
    mirror.read(0, before, 0, 512, read);
    later.scheduler.runUntil(read::done);
    later.scheduler.advance(100 * MILLISECOND);
    byte[] after = new ArrayClient(later, mirror).readAtOnce(1, 0, 512).getFirst();
    assertThat(before.getByte(0)).isEqualTo(after[0]);
    before.release();
  }

  private static boolean isWritten(SimulatedDevice device) {
    return device.trace().stream()
        .anyMatch(event ->
            event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE)
                && event.offsetBytes() == TestArray.DATA_OFFSET_BYTES);
  }

  private static SimulatedFault slow(Operation operation) {
    return SimulatedFault.slow(50 * MILLISECOND).on(operation);
  }

  private static TestArray afterCrash(int blockBytes) {
    TestArray array =
        new TestArray(
            1, 2, SIZE, CHUNK, disk -> disk.withBlockBytes(blockBytes).withLatency(Latency.LATER));
    new ArrayClient(array, array.assemble()).submit(0, 4096, 1);
    // Not so long that it is marked clean.
    array.scheduler.runUntilIdle();
    TestArray later = array.afterCut(1, false);
    byte[] torn = new byte[512];
    Arrays.fill(torn, (byte) 7);
    later.devices.getFirst().writeNow(TestArray.DATA_OFFSET_BYTES, torn);
    return later;
  }
}
