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

  /**
   * @param clients how many are connected now; asked at each scrape, on any thread
   */
  public ServerMetrics(Supplier<Integer> clients) {
    this.clients = clients;
  }

  /** Shows these totals from now on. */
  public void add(List<RequestTotals> totals) {
    requests.addAll(totals);
  }

  void collect(Families families) {
    families.gauge(
        "nbdmirror_clients", "NBD clients that are connected.", clients.get(), Labels.EMPTY);
    requests.forEach(totals -> totals.collect(families));
  }
}
