package io.nbdmirror.nbd.alert;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A program of the operator's, run for every event as {@code mdadm --monitor --program} runs it:
 * {@code PROGRAM EVENT ARRAY [MEMBER]}. One call at a time, in the order of the events, by a thread
 * of its own; one that cannot be started, fails or hangs is repeated with growing pauses. Calls are
 * taken on any thread, at once: when too many wait, what comes is dropped, and said so.
 */
public final class EventProgram implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(EventProgram.class);

  /** What the program is told in its environment as well: the sentence that goes with the event. */
  static final String DETAIL_VARIABLE = "NBDMIRROR_EVENT_DETAIL";

  private static final Duration CLOSING_PATIENCE = Duration.ofSeconds(10);

  /**
   * How hard it is tried.
   *
   * @param attempts in all
   * @param firstPause before the second attempt; each further pause is twice as long
   * @param limit how long one attempt may take before it is killed
   * @param waiting how many calls may wait
   */
  public record Effort(int attempts, Duration firstPause, Duration limit, int waiting) {
    /** Five attempts within a quarter of a minute of pauses, a minute each. */
    public static final Effort USUAL =
        new Effort(5, Duration.ofSeconds(1), Duration.ofMinutes(1), 1000);
  }

  private record Call(List<String> command, String detail) {}

  private final Path program;
  private final Effort effort;
  private final BlockingQueue<Call> waiting;
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread;
  private final AtomicLong succeeded = new AtomicLong();
  private final AtomicLong failed = new AtomicLong();
  private final AtomicLong dropped = new AtomicLong();

  /**
   * @param program absolute
   */
  public EventProgram(Path program, Effort effort) {
    this.program = program;
    this.effort = effort;
    waiting = new ArrayBlockingQueue<>(effort.waiting());
    thread = Thread.ofPlatform().name("events").daemon().unstarted(this::run);
    thread.start();
  }

  /** Calls that the program has answered with 0. */
  public long succeeded() {
    return succeeded.get();
  }

  /** Calls that were given up after the last attempt. */
  public long failed() {
    return failed.get();
  }

  /** Calls that were never made, as too many waited. */
  public long dropped() {
    return dropped.get();
  }

  /**
   * Has the program called; returns at once.
   *
   * @param member empty when the event is about the array
   */
  void call(String event, String array, String member, String detail) {
    List<String> command = new ArrayList<>(List.of(program.toString(), event, array));
    if (!member.isEmpty()) {
      command.add(member);
    }
    if (!waiting.offer(new Call(command, detail))) {
      dropped.incrementAndGet();
      log.error(
          "{} is not told of {}: {} calls of it wait already",
          program,
          command.subList(1, command.size()),
          effort.waiting());
    }
  }

  private void run() {
    try {
      while (true) {
        Call next = closing.getCount() > 0 ? waiting.poll(1, TimeUnit.SECONDS) : waiting.poll();
        if (next != null) {
          make(next);
        } else if (closing.getCount() == 0) {
          return;
        }
      }
    } catch (InterruptedException _) {
      log.warn("{} was not told of {} events: the server ends", program, waiting.size());
    }
  }

  private void make(Call call) throws InterruptedException {
    Duration pause = effort.firstPause();
    for (int attempt = 1; true; attempt++) {
      String problem = attempt(call);
      if (problem.isEmpty()) {
        succeeded.incrementAndGet();
        return;
      }
      // A server that ends does not hold its end up with pauses.
      boolean last = attempt >= effort.attempts() || closing.getCount() == 0;
      log.warn(
          "{} {}; {}",
          String.join(" ", call.command()),
          problem,
          last ? "it is given up" : "it is tried again in " + pause.toMillis() + " ms");
      if (last) {
        failed.incrementAndGet();
        return;
      }
      var _ = closing.await(pause.toNanos(), TimeUnit.NANOSECONDS);
      pause = pause.multipliedBy(2);
    }
  }

  /** What went wrong, as a sentence that goes on from the command; empty when nothing did. */
  private String attempt(Call call) throws InterruptedException {
    ProcessBuilder builder = new ProcessBuilder(call.command());
    // Our own output is read by programs, and a pipe would be held open by whatever it starts.
    builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
    builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().put(DETAIL_VARIABLE, call.detail());
    Process process;
    try {
      process = builder.start();
    } catch (IOException e) {
      return "cannot be started: " + e.getMessage();
    }
    try {
      if (!process.waitFor(effort.limit().toNanos(), TimeUnit.NANOSECONDS)) {
        return "has not ended after %d s and is killed".formatted(effort.limit().toSeconds());
      }
      int status = process.exitValue();
      return status == 0 ? "" : "ended with " + status;
    } finally {
      if (process.isAlive()) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
      }
    }
  }

  /** Makes the calls that wait, each once, but does not take long over it. Blocks. */
  @Override
  public void close() {
    closing.countDown();
    try {
      if (!thread.join(CLOSING_PATIENCE)) {
        thread.interrupt();
        thread.join();
      }
    } catch (InterruptedException _) {
      thread.interrupt();
      Thread.currentThread().interrupt();
    }
  }
}
