package io.nbdmirror.nbd.metrics;

import io.nbdmirror.nbd.protocol.Command;
import io.nbdmirror.nbd.transmission.RequestMeter;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot.HistogramDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * What the clients of one array have asked for: how often, with what end, how many bytes, how long
 * it took. Counted on the array's loop alone, in plain numbers; any thread may read, and sees
 * values that are at most moments old.
 */
public final class RequestTotals implements RequestMeter {
  /** Upper bounds of the histogram's buckets, by factors of about 4 from 25 µs to 10 s. */
  private static final long[] BOUNDS_NANOS = {
    25_000L,
    100_000L,
    400_000L,
    1_600_000L,
    6_400_000L,
    25_000_000L,
    100_000_000L,
    400_000_000L,
    1_600_000_000L,
    10_000_000_000L
  };

  private static final double[] BOUNDS_SECONDS = boundsSeconds();
  private static final VarHandle NUMBERS = MethodHandles.arrayElementVarHandle(long[].class);

  private static final int BUCKETS = BOUNDS_NANOS.length + 1;
  private static final int OK = BUCKETS;
  private static final int FAILED = BUCKETS + 1;
  private static final int NANOS = BUCKETS + 2;
  private static final int BYTES = BUCKETS + 3;

  private static final int ROW = BUCKETS + 4;

  private final String array;
  private final Map<Command, long[]> rows = new EnumMap<>(Command.class);

  /**
   * @param array the array's name, as labels give it
   */
  public RequestTotals(String array) {
    this.array = array;
    for (Command command : Command.values()) {
      rows.put(command, new long[ROW]);
    }
  }

  @Override
  public void requestEnded(Command command, int errno, long lengthBytes, long nanos) {
    long[] row = row(command);
    add(row, bucket(nanos), 1);
    add(row, NANOS, nanos);
    if (errno == 0) {
      add(row, OK, 1);
      add(row, BYTES, lengthBytes);
    } else {
      add(row, FAILED, 1);
    }
  }

  /** Adds these totals to a scrape. */
  void collect(Families families) {
    for (Command command : rows.keySet()) {
      if (command == Command.DISC) {
        continue;
      }
      long[] row = row(command);
      Labels labels = Labels.of("array", array, "type", command.name().toLowerCase(Locale.ROOT));
      String help = "Requests that were answered, by command and by how they ended.";
      families.counter("nbdmirror_requests", help, number(row, OK), labels.add("result", "ok"));
      families.counter(
          "nbdmirror_requests", help, number(row, FAILED), labels.add("result", "error"));
      families.histogram(
          "nbdmirror_request_seconds",
          "Time from the receipt of a request to its reply.",
          histogram(row, labels));
    }
    Labels labels = Labels.of("array", array);
    families.counter(
        "nbdmirror_read_bytes",
        "Bytes that clients have read.",
        number(row(Command.READ), BYTES),
        labels);
    families.counter(
        "nbdmirror_written_bytes",
        "Bytes that clients have written; zeroes and trims do not count.",
        number(row(Command.WRITE), BYTES),
        labels);
  }

  private HistogramDataPointSnapshot histogram(long[] row, Labels labels) {
    long[] counts = new long[BUCKETS];
    for (int i = 0; i < BUCKETS; i++) {
      counts[i] = number(row, i);
    }
    return HistogramDataPointSnapshot.builder()
        .classicHistogramBuckets(ClassicHistogramBuckets.of(BOUNDS_SECONDS, counts))
        .sum(number(row, NANOS) / 1e9)
        .labels(labels)
        .build();
  }

  private static int bucket(long nanos) {
    int bucket = 0;
    while (bucket < BOUNDS_NANOS.length && nanos > BOUNDS_NANOS[bucket]) {
      bucket++;
    }
    return bucket;
  }

  private long[] row(Command command) {
    return Objects.requireNonNull(rows.get(command));
  }

  private static void add(long[] row, int index, long amount) {
    NUMBERS.setOpaque(row, index, row[index] + amount);
  }

  private static long number(long[] row, int index) {
    return (long) NUMBERS.getOpaque(row, index);
  }

  private static double[] boundsSeconds() {
    double[] seconds = new double[BOUNDS_NANOS.length + 1];
    for (int i = 0; i < BOUNDS_NANOS.length; i++) {
      seconds[i] = BOUNDS_NANOS[i] / 1e9;
    }
    seconds[BOUNDS_NANOS.length] = Double.POSITIVE_INFINITY;
    return seconds;
  }
}
