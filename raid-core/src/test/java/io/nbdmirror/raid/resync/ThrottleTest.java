package io.nbdmirror.raid.resync;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.raid.event.InFlight;
import org.junit.jupiter.api.Test;

/** How windows follow one another; time is a number here. */
class ThrottleTest {
  private static final long MILLI = 1_000_000;
  private static final long SECOND = 1_000_000_000L;
  private static final int BYTES = Throttle.LOADED_WINDOW_BYTES;

  private final InFlight reads = new InFlight();
  private final InFlight changes = new InFlight();
  private final Throttle throttle = new Throttle(new Foreground(reads, changes));
  private long now = 5 * SECOND;

  @Test
  void withoutClientsNothingWaits() {
    window(MILLI);
    assertThat(throttle.isLoaded(now)).isFalse();
    assertThat(throttle.waitNanos(now)).isZero();
  }

  @Test
  void withClientsThePauseIsSeveralTimesAsLongAsTheWindow() {
    request();
    window(MILLI);
    assertThat(throttle.waitNanos(now)).isEqualTo(Throttle.PAUSE_FACTOR * MILLI);
    now += Throttle.PAUSE_FACTOR * MILLI;
    assertThat(throttle.waitNanos(now)).isZero();
  }

  @Test
  void clientsDoNotSlowItDownBelowTheMinimum() {
    throttle.setSpeed(BYTES * 100L, Throttle.UNLIMITED);
    request();
    window(5 * MILLI);
    assertThat(throttle.waitNanos(now)).as("a hundred windows a second").isEqualTo(5 * MILLI);
    window(12 * MILLI);
    assertThat(throttle.waitNanos(now)).as("slower than that already").isZero();
  }

  @Test
  void clientsAreForgottenAWhileAfterTheirLastRequest() {
    request();
    assertThat(throttle.isLoaded(now)).isTrue();
    now += Throttle.LOADED_NANOS - 1;
    assertThat(throttle.isLoaded(now)).isTrue();
    now += 1;
    assertThat(throttle.isLoaded(now)).isFalse();
  }

  @Test
  void aClientThatWaitsForItsAnswerIsThere() {
    changes.start();
    assertThat(throttle.isLoaded(now)).isTrue();
    now += 10 * SECOND;
    assertThat(throttle.isLoaded(now)).isTrue();
  }

  @Test
  void aPauseEndsWhenClientsAreGone() {
    throttle.setSpeed(0, Throttle.UNLIMITED);
    request();
    window(100 * MILLI);
    assertThat(throttle.waitNanos(now)).isPositive();
    now += Throttle.LOADED_NANOS;
    assertThat(throttle.waitNanos(now)).isZero();
  }

  @Test
  void theMaximumHoldsWithoutClientsTooAndOverManyWindows() {
    throttle.setSpeed(0, BYTES * 50L);
    long start = now;
    for (int i = 0; i < 100; i++) {
      // The timer is late every time: that must not add up.
      now += throttle.waitNanos(now) + MILLI;
      window(MILLI);
    }
    assertThat((now - start) / MILLI).isBetween(1980L, 2010L);
  }

  private void window(long nanos) {
    long start = now;
    throttle.windowStarted(start, BYTES);
    now += nanos;
    throttle.windowDone(start, now, BYTES);
  }

  private void request() {
    reads.start();
    reads.end();
  }
}
