package io.nbdmirror.nbd.metrics;

import io.prometheus.metrics.model.snapshots.Labels;
import java.util.function.LongSupplier;

/** How the calls of the operator's event program went; asked at each scrape, on any thread. */
public record EventCalls(LongSupplier succeeded, LongSupplier failed, LongSupplier dropped) {
  /** There is no such program. */
  public static final EventCalls NONE = new EventCalls(() -> 0, () -> 0, () -> 0);

  void collect(Families families) {
    add(families, "ok", succeeded);
    add(families, "failed", failed);
    add(families, "dropped", dropped);
  }

  private static void add(Families families, String result, LongSupplier times) {
    families.counter(
        "nbdmirror_event_calls",
        "Calls of the event program, by how they ended after all attempts.",
        times.getAsLong(),
        Labels.of("result", result));
  }
}
