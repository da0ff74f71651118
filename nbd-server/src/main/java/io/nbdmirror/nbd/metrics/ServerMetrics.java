package io.nbdmirror.nbd.metrics;

import io.prometheus.metrics.model.snapshots.Labels;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;

/** What the server counts besides the arrays' own state. Any thread may call. */
public final class ServerMetrics {
  private final Collection<RequestTotals> requests = new CopyOnWriteArrayList<>();
  private final Supplier<Integer> clients;
  private final EventTotals events;
  private final EventCalls eventCalls;

  /**
   * @param clients how many are connected now; asked at each scrape, on any thread
   */
  public ServerMetrics(Supplier<Integer> clients, EventTotals events, EventCalls eventCalls) {
    this.clients = clients;
    this.events = events;
    this.eventCalls = eventCalls;
  }

  /** Shows these totals from now on. */
  public void add(List<RequestTotals> totals) {
    requests.addAll(totals);
  }

  void collect(Families families) {
    families.gauge(
        "nbdmirror_clients", "NBD clients that are connected.", clients.get(), Labels.EMPTY);
    events.collect(families);
    eventCalls.collect(families);
    requests.forEach(totals -> totals.collect(families));
  }
}
