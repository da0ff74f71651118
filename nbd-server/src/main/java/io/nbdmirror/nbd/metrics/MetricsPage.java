package io.nbdmirror.nbd.metrics;

import io.micrometer.core.instrument.binder.jvm.ClassLoaderMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.nbdmirror.nbd.array.ArrayPoll;
import io.nbdmirror.nbd.array.ServedArray;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The page at {@code /metrics}. Nothing here is on the path of a request: what requests count in
 * plain fields is added up when the page is asked for, and arrays are asked on their loops. Any
 * thread but a loop may call.
 */
public final class MetricsPage {
  public static final String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

  private final String version;
  private final ServerMetrics server;

  /** What the scrape that is under way found. */
  private MetricSnapshots own = new MetricSnapshots();

  /** Made at the first scrape: a server that nobody scrapes starts the sooner. */
  private @Nullable PrometheusMeterRegistry process;

  /**
   * @param version of this program
   */
  public MetricsPage(String version, ServerMetrics server) {
    this.version = version;
    this.server = server;
  }

  /**
   * The page as of now.
   *
   * @param patience how long to wait for the arrays; those that don't answer are told of by {@code
   *     nbdmirror_array_answers} alone
   */
  public synchronized byte[] render(List<ServedArray> arrays, Duration patience)
      throws InterruptedException {
    Families families = new Families();
    ArrayMetrics.collect(ArrayPoll.of(arrays, patience), families);
    server.collect(families);
    families.add(
        InfoSnapshot.builder()
            .name("nbdmirror_build")
            .help("The version that is running.")
            .dataPoint(
                new InfoSnapshot.InfoDataPointSnapshot(
                    Labels.of("version", version, "java", Runtime.version().toString())))
            .build());
    own = new MetricSnapshots(families.snapshots());
    return process().scrape(CONTENT_TYPE).getBytes(StandardCharsets.UTF_8);
  }

  private PrometheusMeterRegistry process() {
    PrometheusMeterRegistry registry = process;
    if (registry == null) {
      registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
      new JvmMemoryMetrics().bindTo(registry);
      new JvmThreadMetrics().bindTo(registry);
      new ClassLoaderMetrics().bindTo(registry);
      new ProcessorMetrics().bindTo(registry);
      new FileDescriptorMetrics().bindTo(registry);
      new UptimeMetrics().bindTo(registry);
      registry.getPrometheusRegistry().register((MultiCollector) () -> own);
      process = registry;
    }
    return registry;
  }
}
