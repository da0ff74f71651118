package io.nbdmirror.nbd.serve;

import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import jnr.constants.platform.Signal;
import jnr.posix.util.SunMiscSignal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What TERM, INT and HUP do to the process while it serves: the first one of any of them asks for a
 * clean stop; a further TERM or INT ends it at once, as a crash would. A further HUP does nothing:
 * a terminal that goes away may send two.
 */
public final class StopSignals {
  private static final Logger log = LoggerFactory.getLogger(StopSignals.class);

  /** A process ended by a signal says so by this and the signal's number. */
  private static final int EXIT_BY_SIGNAL = 128;

  private static final Map<Signal, Integer> NUMBERS =
      Map.of(Signal.SIGHUP, 1, Signal.SIGINT, 2, Signal.SIGTERM, 15);

  private StopSignals() {}

  /**
   * From now on signals mean this.
   *
   * @param stop called on a thread of the JVM's, once; must not block
   */
  public static void handle(Runnable stop) {
    AtomicBoolean asked = new AtomicBoolean();
    NUMBERS.forEach((signal, number) ->
        SunMiscSignal.signal(
            signal,
            _ -> {
              if (asked.compareAndSet(false, true)) {
                log.info("{}: stopping cleanly; a second signal stops at once", signal);
                stop.run();
              } else if (signal != Signal.SIGHUP) {
                log.warn("{}: stopped at once, the arrays are not clean", signal);
                Runtime.getRuntime().halt(EXIT_BY_SIGNAL + number);
              }
            }));
  }
}
