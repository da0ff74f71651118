package io.nbdmirror.io.simulation;

import io.nbdmirror.io.Scheduler;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;

/**
 * A loop in virtual time. Nothing runs until the test says so; what is due at the same instant runs
 * in the order it was asked for, so a run is repeatable from its seed alone.
 *
 * <p>The thread that made it is its loop; no other may touch it.
 */
public final class SimulatedScheduler implements Scheduler {
  private static final long WALL_CLOCK_START_MICROS = 1_767_225_600_000_000L; // 2026-01-01
  private static final long EVENT_LIMIT = 50_000_000;

  private enum Kind {
    /** Given to {@link #execute}, or of no delay. */
    TASK,
    /** A request on a simulated device. */
    REQUEST,
    /** Waits for time to pass. */
    TIMER
  }

  private final class Event implements Timer {
    final long atNanos;
    final long order;
    final Kind kind;
    final Runnable task;

    Event(long atNanos, Kind kind, Runnable task) {
      this.atNanos = atNanos;
      this.order = nextOrder++;
      this.kind = kind;
      this.task = task;
    }

    @Override
    public void cancel() {
      requireLoop();
      if (events.remove(this)) {
        removed(this);
      }
    }
  }

  private final class Repetition implements Timer {
    private final Runnable task;
    private final long periodNanos;
    private Timer next;
    private boolean cancelled;

    Repetition(Runnable task, long periodNanos) {
      this.task = task;
      this.periodNanos = periodNanos;
      next = schedule(this::run, periodNanos);
    }

    private void run() {
      task.run();
      if (!cancelled) {
        next = schedule(this::run, periodNanos);
      }
    }

    @Override
    public void cancel() {
      cancelled = true;
      next.cancel();
    }
  }

  private final Thread loop = Thread.currentThread();
  private final SplittableRandom random;
  private final long originNanos;
  private final PriorityQueue<Event> events =
      new PriorityQueue<>(
          Comparator.<Event>comparingLong(event -> event.atNanos)
              .thenComparingLong(event -> event.order));

  private long elapsedNanos;
  private long nextOrder;
  private int busy;
  private boolean running;

  public SimulatedScheduler(long seed) {
    random = new SplittableRandom(seed);
    // A monotonic clock may start anywhere, and pass from positive to negative.
    originNanos = random.nextLong();
  }

  /** A source of randomness of its own, repeatable from this scheduler's seed. */
  public SplittableRandom splitRandom() {
    return random.split();
  }

  @Override
  public void execute(Runnable task) {
    add(0, Kind.TASK, task);
  }

  @Override
  public Timer schedule(Runnable task, long delayNanos) {
    return add(delayNanos, delayNanos <= 0 ? Kind.TASK : Kind.TIMER, task);
  }

  @Override
  public Timer repeat(Runnable task, long periodNanos) {
    return new Repetition(task, periodNanos);
  }

  Timer scheduleRequest(Runnable task, long delayNanos) {
    return add(delayNanos, Kind.REQUEST, task);
  }

  @Override
  public boolean inLoop() {
    return Thread.currentThread() == loop;
  }

  @Override
  public long nanoTime() {
    requireLoop();
    return originNanos + elapsedNanos;
  }

  @Override
  public long wallClockMicros() {
    requireLoop();
    return WALL_CLOCK_START_MICROS + elapsedNanos / 1000;
  }

  /** Virtual nanoseconds since this scheduler was made. */
  public long elapsedNanos() {
    return elapsedNanos;
  }

  /** How many tasks, requests and timers wait. */
  public int waiting() {
    return events.size();
  }

  /** Whether no task and no device request waits: only timers do. */
  public boolean isIdle() {
    return busy == 0;
  }

  /** Runs the next event, moving time to it. False when there is none. */
  public boolean step() {
    requireLoop();
    if (running) {
      throw new AssertionError("the loop was run from within one of its tasks");
    }
    Event event = events.poll();
    if (event == null) {
      return false;
    }
    removed(event);
    elapsedNanos = event.atNanos;
    running = true;
    try {
      event.task.run();
    } finally {
      running = false;
    }
    return true;
  }

  /**
   * Runs until no task and no device request waits. Timers that come due meanwhile run; those that
   * lie beyond stay, because an engine's periodic work never ends.
   */
  public void runUntilIdle() {
    runUntil(() -> busy == 0);
  }

  /** Runs everything that is due within {@code nanos}, and moves time that far. */
  public void advance(long nanos) {
    long end = elapsedNanos + nanos;
    runUntil(() -> events.isEmpty() || events.peek().atNanos > end);
    elapsedNanos = end;
  }

  /** Runs, timers included, until the condition holds; an error when nothing is left to run. */
  public void runUntil(BooleanSupplier condition) {
    for (long count = 0; !condition.getAsBoolean(); count++) {
      if (count == EVENT_LIMIT) {
        throw new AssertionError("still not done after " + count + " events");
      }
      if (!step()) {
        throw new AssertionError("nothing is left to run and the condition does not hold");
      }
    }
  }

  private Event add(long delayNanos, Kind kind, Runnable task) {
    requireLoop();
    Event event = new Event(elapsedNanos + Math.max(0, delayNanos), kind, task);
    events.add(event);
    if (kind != Kind.TIMER) {
      busy++;
    }
    return event;
  }

  private void removed(Event event) {
    if (event.kind != Kind.TIMER) {
      busy--;
    }
  }

  private void requireLoop() {
    if (!inLoop()) {
      throw new AssertionError("called by " + Thread.currentThread() + ", the loop is " + loop);
    }
  }
}
