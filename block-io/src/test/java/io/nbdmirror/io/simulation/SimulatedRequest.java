package io.nbdmirror.io.simulation;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.io.Scheduler.Timer;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One request between its submission and its completion. */
final class SimulatedRequest {
  final Operation operation;
  final long offsetBytes;
  final long lengthBytes;
  final boolean fua;

  long id;
  long submittedAt;
  int errno;
  boolean partly;
  boolean performed;
  boolean abandoned;
  @Nullable PendingWrite change;
  @Nullable ByteBuf buffer;
  int bufferIndex;
  @Nullable Completion done;
  @Nullable ExtentsCompletion extentsDone;
  List<Extent> extents = List.of();
  final List<Timer> timers = new ArrayList<>(2);

  SimulatedRequest(Operation operation, long offsetBytes, long lengthBytes, boolean fua) {
    this.operation = operation;
    this.offsetBytes = offsetBytes;
    this.lengthBytes = lengthBytes;
    this.fua = fua;
  }

  DeviceEvent event(DeviceEvent.Phase phase) {
    return new DeviceEvent(phase, id, operation, offsetBytes, lengthBytes, fua, errno);
  }

  /** Whether it succeeded or at least changed something. */
  boolean applies() {
    return change != null && (errno == 0 || partly);
  }

  void fail() {
    errno = Errno.EIO;
    partly = false;
  }

  void cancelTimers() {
    timers.forEach(Timer::cancel);
    timers.clear();
  }

  /** The caller may change a buffer only after the completion. */
  void requireSourceUnchanged() {
    if (operation != Operation.WRITE || buffer == null || change == null || change.data == null) {
      return;
    }
    byte[] now = sourceNow();
    if (!abandoned && !Arrays.equals(now, change.data)) {
      throw new AssertionError("the bytes of a write were changed while it was in flight: " + this);
    }
  }

  /** An error when the buffer was freed under a request in flight. */
  byte[] sourceNow() {
    byte[] now = new byte[(int) lengthBytes];
    if (buffer != null) {
      buffer.getBytes(bufferIndex, now);
    }
    return now;
  }

  @Override
  public String toString() {
    return "%s of %d bytes at %d%s"
        .formatted(operation, lengthBytes, offsetBytes, fua ? " with FUA" : "");
  }
}
