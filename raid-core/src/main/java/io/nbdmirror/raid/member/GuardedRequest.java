package io.nbdmirror.raid.member;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.ExtentsCompletion;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One request between a {@link GuardedDevice} and the device below; a link of the list of those
 * outstanding, oldest first. Reused once the device has returned it.
 *
 * <pre>
 *   FREE ──► OUTSTANDING ──► FREE            answered in time
 *                 └──► ABANDONED ──► FREE    answered for it; what the device says later is swallowed
 * </pre>
 */
final class GuardedRequest implements Completion, ExtentsCompletion {
  private final GuardedDevice device;
  @Nullable GuardedRequest older;
  @Nullable GuardedRequest newer;

  /** The device's tick when it began. */
  long startTick;

  private ByteBuf buffer = Unpooled.EMPTY_BUFFER;
  private @Nullable Completion done;
  private @Nullable ExtentsCompletion extentsDone;
  private boolean abandoned;

  GuardedRequest(GuardedDevice device) {
    this.device = device;
  }

  GuardedRequest with(ByteBuf bytes, Completion whenDone) {
    buffer = bytes;
    done = whenDone;
    return this;
  }

  GuardedRequest with(ExtentsCompletion whenDone) {
    extentsDone = whenDone;
    return this;
  }

  /** Answers the caller. The buffer stays pinned until the device is done with it. */
  void abandon(DeviceException why) {
    abandoned = true;
    buffer.retain();
    Completion waiting = done;
    ExtentsCompletion waitingForExtents = extentsDone;
    done = null;
    extentsDone = null;
    if (waiting != null) {
      waiting.completed(why);
    }
    if (waitingForExtents != null) {
      waitingForExtents.completed(List.of(), why);
    }
  }

  @Override
  public void completed(@Nullable DeviceException failure) {
    if (abandoned) {
      comeBack();
      return;
    }
    Completion waiting = done;
    done = null;
    buffer = Unpooled.EMPTY_BUFFER;
    device.answered(this);
    assert waiting != null : "a member answers twice";
    waiting.completed(told(failure));
  }

  @Override
  public void completed(List<Extent> extents, @Nullable DeviceException failure) {
    if (abandoned) {
      comeBack();
      return;
    }
    ExtentsCompletion waiting = extentsDone;
    extentsDone = null;
    device.answered(this);
    assert waiting != null : "a member answers twice";
    waiting.completed(extents, told(failure));
  }

  /** A time-out of the device's own, a network's maybe, is over: it holds no buffer any more. */
  private static @Nullable DeviceException told(@Nullable DeviceException failure) {
    return failure != null && failure.errno() == Errno.ETIMEDOUT
        ? new DeviceException(Errno.EIO, String.valueOf(failure.getMessage()))
        : failure;
  }

  private void comeBack() {
    abandoned = false;
    buffer.release();
    buffer = Unpooled.EMPTY_BUFFER;
    device.cameBack(this);
  }
}
