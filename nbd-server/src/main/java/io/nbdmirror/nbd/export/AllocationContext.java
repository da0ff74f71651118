package io.nbdmirror.nbd.export;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.nbd.protocol.Wire;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code base:allocation}: where the device has holes, which read as zeroes. What cannot be known
 * is data.
 *
 * <p>A range may have countless extents or be mostly nothing, so it is asked for in pieces: each
 * twice the one before as long as few extents are found, and none beyond a bounded number of them.
 */
public final class AllocationContext implements MetaContext {
  public static final String NAME = "base:allocation";

  private static final int HOLE = Wire.STATE_HOLE | Wire.STATE_ZERO;
  private static final int DATA = 0;

  /** What one question to the device is to take at most: a few milliseconds of a worker. */
  private static final int EXTENTS_AT_ONCE = 1024;

  private static final long FIRST_PIECE_BYTES = 256L << 20;
  private static final long LAST_PIECE_BYTES = 1L << 42;

  private final BlockDevice device;

  public AllocationContext(BlockDevice device) {
    this.device = device;
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public void describe(StatusExtents into, Completion done) {
    new Search(into, done).proceed();
  }

  private final class Search {
    private final StatusExtents into;
    private final Completion done;
    private long pieceBytes = FIRST_PIECE_BYTES;

    /** Whether an answer has come within the call that asked, so that stacks stay flat. */
    private boolean asking;

    private boolean answered;

    Search(StatusExtents into, Completion done) {
      this.into = into;
      this.done = done;
    }

    void proceed() {
      do {
        if (into.isFull()) {
          done.completed(null);
          return;
        }
        long offsetBytes = into.positionBytes();
        long lengthBytes = Math.min(pieceBytes, into.remainingBytes());
        asking = true;
        answered = false;
        device.extents(
            offsetBytes,
            lengthBytes,
            EXTENTS_AT_ONCE,
            (extents, failure) -> listed(extents, failure, lengthBytes));
        asking = false;
      } while (answered);
    }

    private void listed(List<Extent> extents, @Nullable DeviceException failure, long lengthBytes) {
      if (failure != null && failure.errno() == Errno.ESHUTDOWN) {
        done.completed(failure);
        return;
      }
      if (extents.isEmpty()) {
        into.add(lengthBytes, DATA);
      }
      for (Extent extent : extents) {
        into.add(extent.lengthBytes(), extent.hole() ? HOLE : DATA);
      }
      if (extents.size() < EXTENTS_AT_ONCE / 2) {
        pieceBytes = Math.min(2 * pieceBytes, LAST_PIECE_BYTES);
      }
      if (asking) {
        answered = true;
      } else {
        proceed();
      }
    }
  }
}
