package io.nbdmirror.nbd.metrics;

import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.CounterSnapshot.CounterDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot.HistogramDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Collects the metric families of one scrape: a name with its help, and under it a value for each
 * set of labels. Not thread-safe.
 */
final class Families {
  private final Map<String, Gauge> gauges = new LinkedHashMap<>();
  private final Map<String, Counter> counters = new LinkedHashMap<>();
  private final List<MetricSnapshot> others = new ArrayList<>();

  private final Map<String, Histogram> histograms = new LinkedHashMap<>();

  private record Histogram(String help, List<HistogramDataPointSnapshot> points) {}

  private record Gauge(String help, List<GaugeDataPointSnapshot> points) {}

  private record Counter(String help, List<CounterDataPointSnapshot> points) {}

  void gauge(String name, String help, long value, Labels labels) {
    gauges
        .computeIfAbsent(name, _ -> new Gauge(help, new ArrayList<>()))
        .points()
        .add(new GaugeDataPointSnapshot((double) value, labels, null));
  }

  /** Adds to a counter, whose name goes without its {@code _total}. */
  void counter(String name, String help, long value, Labels labels) {
    counters
        .computeIfAbsent(name, _ -> new Counter(help, new ArrayList<>()))
        .points()
        .add(new CounterDataPointSnapshot((double) value, labels, null, 0));
  }

  void histogram(String name, String help, HistogramDataPointSnapshot point) {
    histograms
        .computeIfAbsent(name, _ -> new Histogram(help, new ArrayList<>()))
        .points()
        .add(point);
  }

  void add(MetricSnapshot family) {
    others.add(family);
  }

  List<MetricSnapshot> snapshots() {
    List<MetricSnapshot> all = new ArrayList<>(others);
    gauges.forEach((name, gauge) -> {
      GaugeSnapshot.Builder family = GaugeSnapshot.builder().name(name).help(gauge.help());
      gauge.points().forEach(family::dataPoint);
      all.add(family.build());
    });
    counters.forEach((name, counter) -> {
      CounterSnapshot.Builder family = CounterSnapshot.builder().name(name).help(counter.help());
      counter.points().forEach(family::dataPoint);
      all.add(family.build());
    });
    histograms.forEach((name, histogram) -> {
      HistogramSnapshot.Builder family =
          HistogramSnapshot.builder().name(name).help(histogram.help());
      histogram.points().forEach(family::dataPoint);
      all.add(family.build());
    });
    return all;
  }
}
