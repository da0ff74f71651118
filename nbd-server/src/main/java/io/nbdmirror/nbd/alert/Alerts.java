package io.nbdmirror.nbd.alert;

import io.nbdmirror.nbd.metrics.EventCalls;
import io.nbdmirror.nbd.metrics.EventTotals;
import io.nbdmirror.raid.event.ArrayEvent;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What becomes of an event: a line in the log, a count, and a call of the operator's program. Told
 * on any thread, arrays' loops above all; nothing here blocks.
 */
public final class Alerts implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Alerts.class);

  private final EventTotals totals = new EventTotals();
  private final @Nullable EventProgram program;

  /**
   * @param program is called for every event, and closed with this; null when there is none
   */
  public Alerts(@Nullable EventProgram program) {
    this.program = program;
  }

  /** How often what happened. */
  public EventTotals totals() {
    return totals;
  }

  /** How the program's calls went. */
  public EventCalls calls() {
    return program == null
        ? EventCalls.NONE
        : new EventCalls(program::succeeded, program::failed, program::dropped);
  }

  /**
   * Hears the events of one array.
   *
   * @param array the export's name, which the log, the counters and the program are given
   */
  public Consumer<ArrayEvent> of(String array) {
    totals.add(array);
    return event -> tell(array, event);
  }

  private void tell(String array, ArrayEvent event) {
    String word = event.kind().word();
    String member = event.member().isEmpty() ? "" : " " + event.member();
    if (isBad(event.kind())) {
      log.warn("event {} {}{}: {}", word, array, member, event.detail());
    } else {
      log.info("event {} {}{}: {}", word, array, member, event.detail());
    }
    totals.count(array, event.kind());
    if (program != null) {
      program.call(word, array, event.member(), event.detail());
    }
  }

  /** Makes the calls that wait. Blocks, but not for long. */
  @Override
  public void close() {
    if (program != null) {
      program.close();
    }
  }

  private static boolean isBad(ArrayEvent.Kind kind) {
    return switch (kind) {
      case FAIL, FAIL_SPARE, DEGRADED_ARRAY, MISMATCHES_FOUND, BITMAP_KICKED, ARRAY_BROKEN -> true;
      default -> false;
    };
  }
}
