package io.nbdmirror.raid.resync;

import io.nbdmirror.raid.event.InFlight;

/**
 * What clients ask of the array meanwhile. Used on the array's loop.
 *
 * @param reads reads, flushes and questions for holes
 * @param changes writes, zeroes and trims
 */
public record Foreground(InFlight reads, InFlight changes) {
  /** Requests that ever began. */
  long started() {
    return reads.started() + changes.started();
  }

  /** Whether any is on its way: waits for its answer, or has members that do not have it yet. */
  boolean isBusy() {
    return reads.count() + changes.count() > 0;
  }
}
