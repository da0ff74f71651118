package io.nbdmirror.raid.simulation;

import io.nbdmirror.raid.simulation.Coverage.State;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The program: runs seeds, prints how it goes, and ends with a summary. Its exit status is 1 when a
 * seed failed.
 *
 * <pre>
 *   --seed N      the first seed (1)       --steps M    requests of clients in each (600)
 *   --seeds N     how many (1)             --seconds N, --minutes N   as many as fit instead
 *   --failures N  end after so many (5)
 *   --trace       print every request to a disk
 *   --table FILE  put the table of states reached there
 * </pre>
 */
public final class Simulation {
  private static final long PROGRESS_NANOS = 10_000_000_000L;
  private static final int MOST_FAILURES = 5;

  private final PrintStream out;
  private final Tally all = new Tally();
  private final List<String> failures = new ArrayList<>();
  private long seed = 1;
  private long seeds = 1;
  private int steps = 600;
  private long limitNanos = Long.MAX_VALUE;
  private int mostFailures = MOST_FAILURES;
  private boolean traced;
  private String table = "";
  private long ran;

  private Simulation(PrintStream out) {
    this.out = out;
  }

  public static void main(String[] arguments) throws IOException {
    Simulation simulation = new Simulation(System.out);
    simulation.take(List.of(arguments));
    simulation.run();
    System.exit(simulation.failures.isEmpty() ? 0 : 1);
  }

  private void take(List<String> arguments) {
    for (int i = 0; i < arguments.size(); i++) {
      String name = arguments.get(i);
      if (name.equals("--trace")) {
        traced = true;
        continue;
      }
      if (i + 1 == arguments.size()) {
        throw new IllegalArgumentException(name + " needs a value");
      }
      String value = arguments.get(++i);
      switch (name) {
        case "--seed" -> seed = Long.parseLong(value);
        case "--seeds" -> seeds = Long.parseLong(value);
        case "--steps" -> steps = Integer.parseInt(value);
        case "--seconds" -> limit(Long.parseLong(value));
        case "--minutes" -> limit(60 * Long.parseLong(value));
        case "--table" -> table = value;
        case "--failures" -> mostFailures = Integer.parseInt(value);
        default -> throw new IllegalArgumentException("unknown option " + name);
      }
    }
  }

  private void limit(long seconds) {
    limitNanos = seconds * 1_000_000_000L;
    seeds = Long.MAX_VALUE;
  }

  private void run() throws IOException {
    long start = System.nanoTime();
    long nextProgress = PROGRESS_NANOS;
    long spent = 0;
    while (ran < seeds && spent < limitNanos && failures.size() < mostFailures) {
      runSeed(seed + ran);
      ran++;
      spent = System.nanoTime() - start;
      if (spent >= nextProgress) {
        nextProgress += PROGRESS_NANOS;
        out.println(progress(spent));
      }
    }
    out.println(progress(spent));
    summary();
    if (!table.isEmpty()) {
      Files.writeString(Path.of(table), table());
    }
  }

  private void runSeed(long one) {
    try {
      all.add(SeedRun.run(one, steps, traced ? out : null));
    } catch (AssertionError e) {
      failures.add(String.valueOf(e.getMessage()));
      out.println("FAILED " + e.getMessage());
      out.printf("replay it: ./verify --simulate --seed %d --steps %d%n", one, steps);
      if (seeds == 1) {
        e.printStackTrace(out);
      }
    }
  }

  private String progress(long nanos) {
    double seconds = Math.max(nanos, 1) / 1e9;
    return String.format(
        Locale.ROOT,
        "%.0f s: %d seeds, %d operations (%.0f/s), %d requests to disks, %d lives, %d crashes, %d"
            + " reassemblies, %d failures",
        seconds,
        ran,
        all.operations,
        all.operations / seconds,
        all.deviceRequests,
        all.lives,
        all.crashes,
        all.reassemblies,
        failures.size());
  }

  private void summary() {
    for (State state : State.values()) {
      out.printf("  %,9d  %s%n", all.coverage.count(state), state);
    }
    List<State> missed = all.coverage.missed();
    out.println(missed.isEmpty() ? "every state was reached" : "NOT REACHED: " + missed);
    out.printf("hash %016x%n", all.hash());
  }

  private String table() {
    StringBuilder text = new StringBuilder();
    text.append("| state reached | times |\n|---|---|\n");
    for (State state : State.values()) {
      text.append("| %s | %,d |\n".formatted(state, all.coverage.count(state)));
    }
    text.append(
        "\n%,d seeds, %,d operations of clients, %,d requests to disks, %,d lives, %,d crashes (%,d of them power cuts), %,d reassemblies, %,d bytes copied by resyncs after them.\n"
            .formatted(
                ran,
                all.operations,
                all.deviceRequests,
                all.lives,
                all.crashes,
                all.coverage.count(State.POWER_CUT),
                all.reassemblies,
                all.bytesCopied));
    return text.toString();
  }
}
