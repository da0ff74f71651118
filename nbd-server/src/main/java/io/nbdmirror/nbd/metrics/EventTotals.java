package io.nbdmirror.nbd.metrics;

import io.nbdmirror.raid.event.ArrayEvent;
import io.prometheus.metrics.model.snapshots.Labels;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** How often what happened to which array. Any thread may count and read. */
public final class EventTotals {
  private final Map<String, Map<ArrayEvent.Kind, LongAdder>> arrays = new ConcurrentHashMap<>();

  /** Shows an array from now on, with nothing that has happened to it. */
  public void add(String array) {
    arrays.computeIfAbsent(array, _ -> noneYet());
  }

  private static Map<ArrayEvent.Kind, LongAdder> noneYet() {
    Map<ArrayEvent.Kind, LongAdder> none = new EnumMap<>(ArrayEvent.Kind.class);
    for (ArrayEvent.Kind kind : ArrayEvent.Kind.values()) {
      none.put(kind, new LongAdder());
    }
    return none;
  }

  /** One more, of an array that was added. */
  public void count(String array, ArrayEvent.Kind kind) {
    Map<ArrayEvent.Kind, LongAdder> row = Objects.requireNonNull(arrays.get(array), array);
    Objects.requireNonNull(row.get(kind)).increment();
  }

  /** Adds these totals to a scrape. */
  void collect(Families families) {
    arrays.forEach((array, row) ->
        row.forEach((kind, times) ->
            families.counter(
                "nbdmirror_events",
                "What happened to arrays and members, by mdadm's words.",
                times.sum(),
                Labels.of("array", array, "event", kind.word()))));
  }
}
