package io.nbdmirror.io;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Told once, on the device's loop, what {@link BlockDevice#extents} found. */
@FunctionalInterface
public interface ExtentsCompletion {
  /**
   * Takes the answer. Must not throw.
   *
   * @param extents adjacent, in order, covering exactly the range asked for; empty on failure
   * @param failure null when the range was listed
   */
  void completed(List<Extent> extents, @Nullable DeviceException failure);
}
