package io.nbdmirror.io.held;

import io.nbdmirror.io.DeviceException;
import org.jspecify.annotations.Nullable;

/** Looks after a file that is being written, and gives it back. Blocks; any thread. */
interface Guard {
  /**
   * Whether it is still what it was; nothing once it has been given back.
   *
   * @return a sentence about what does no harm yet; null when all is well
   * @throws DeviceException when it must not be written any more
   */
  @Nullable String check() throws DeviceException;

  /** Once, when nothing is written any more. */
  void giveBack();
}
