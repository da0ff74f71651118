package io.nbdmirror.io;

import org.jspecify.annotations.Nullable;

/**
 * Told once how a request ended, on the loop that made it. Implemented by the request itself where
 * allocation matters.
 */
@FunctionalInterface
public interface Completion {
  /** {@code failure} is null when the request was done in full. Must not throw. */
  void completed(@Nullable DeviceException failure);
}
