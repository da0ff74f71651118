package io.nbdmirror.nbd.serve;

import io.nbdmirror.raid.event.HangWatch;
import java.time.Duration;

/**
 * How one array is served. Immutable.
 *
 * @param degraded start although a member that was in sync is absent
 * @param memberTimeout how long a member may leave a request unanswered before it is failed
 */
public record ArrayOptions(boolean degraded, Duration memberTimeout) {
  /** What is done unless something else is asked for. */
  public static final ArrayOptions USUAL =
      new ArrayOptions(false, Duration.ofNanos(HangWatch.DEFAULT_TIMEOUT_NANOS));

  /** The same, but for this. */
  public ArrayOptions withDegraded(boolean other) {
    return new ArrayOptions(other, memberTimeout);
  }
}
