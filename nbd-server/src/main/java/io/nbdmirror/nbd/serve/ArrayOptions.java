package io.nbdmirror.nbd.serve;

import io.nbdmirror.nbd.scrub.ScrubSchedule;
import io.nbdmirror.raid.event.HangWatch;
import java.time.Duration;

/**
 * How one array is served. Immutable.
 *
 * @param degraded start although a member that was in sync is absent
 * @param memberTimeout how long a member may leave a request unanswered before it is failed
 * @param cleanDelay how long nothing is written before the superblocks say clean; zero for not
 *     before the array is stopped
 * @param speedMin bytes a second below which clients do not slow resync and the like down
 * @param speedMax bytes a second that resync and the like never exceed
 * @param scrub when the members are compared
 */
public record ArrayOptions(
    boolean degraded,
    Duration memberTimeout,
    Duration cleanDelay,
    long speedMin,
    long speedMax,
    ScrubSchedule scrub) {
  /** What is done unless something else is asked for. */
  public static final ArrayOptions USUAL =
      new ArrayOptions(
          false,
          Duration.ofNanos(HangWatch.DEFAULT_TIMEOUT_NANOS),
          Duration.ofMillis(200),
          1 << 20,
          Long.MAX_VALUE,
          ScrubSchedule.OFF);

  /** The same, but for this. */
  public ArrayOptions withDegraded(boolean other) {
    return new ArrayOptions(other, memberTimeout, cleanDelay, speedMin, speedMax, scrub);
  }
}
