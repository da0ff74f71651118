package io.nbdmirror.bitmap;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;

/** What the bitmap asks of the array it belongs to. */
public interface BitmapOwner {
  /** Whether bits may be cleared now: no member absent or failed, nothing broken (I2, I7). */
  boolean mayClear();

  /** Makes everything that was written to any member durable. */
  void flushMembers(Completion done);

  /** The array's event count as it is on every member. */
  long events();

  /**
   * No copy of a page could be written: runs before those who wait for the page go on, so that the
   * owner can hold them until the bitmap is out of trust (I6).
   */
  void bitmapFailed(DeviceException failure);
}
