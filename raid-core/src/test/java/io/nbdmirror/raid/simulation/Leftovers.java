package io.nbdmirror.raid.simulation;

import static io.nbdmirror.raid.simulation.Violation.require;

import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.Mirror;
import io.netty.buffer.PoolArenaMetric;
import io.netty.buffer.PooledByteBufAllocator;

/** When every request was answered, nothing of them is left: what was taken has been given back. */
final class Leftovers {
  private final long buffersBefore = buffersInUse();

  /** Looks, once the loop has nothing to do any more. */
  void check(Mirror mirror, Disks disks) {
    for (SimulatedDevice device : disks.all()) {
      require(device.inFlight() == 0, "%s has requests that nobody waits for", device.path());
    }
    for (int chunk = 0; chunk < mirror.bitmap().geometry().chunks(); chunk++) {
      require(
          mirror.bitmap().counters().writes(chunk) == 0,
          "the bitmap still counts a write in chunk %d",
          chunk);
    }
    require(!mirror.isInUse(), "the array still counts a request in flight");
    require(mirror.rangesHeld() == 0, "%d ranges are held still", mirror.rangesHeld());
    long buffers = buffersInUse() - buffersBefore;
    require(buffers == 0, "%d buffers were not given back", buffers);
  }

  private static long buffersInUse() {
    long count = 0;
    for (PoolArenaMetric arena : PooledByteBufAllocator.DEFAULT.metric().directArenas()) {
      count += arena.numActiveAllocations();
    }
    return count;
  }
}
