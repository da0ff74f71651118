package io.nbdmirror.nbd.scrub;

import io.nbdmirror.nbd.array.ArrayPoll;
import io.nbdmirror.nbd.array.ArraySnapshot;
import io.nbdmirror.nbd.array.ServedArray;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has arrays checked when their schedules say so. One that is not complete or has something copied
 * is checked when that is over; a time that passed while no server ran, or in which a check was cut
 * short by its end, is made up for. One thread of its own looks every minute.
 */
public final class Scrubber implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Scrubber.class);
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final Map<UUID, ScrubSchedule> schedules;
  private final Supplier<List<ServedArray>> arrays;
  private final ScrubLog scrubs;
  private final Clock clock;

  /** When each array was checked last, or first seen. */
  private final Map<UUID, Instant> last = new HashMap<>();

  /** When the checks that run now were begun. */
  private final Map<UUID, Instant> running = new HashMap<>();

  private final ScheduledExecutorService thread =
      Executors.newSingleThreadScheduledExecutor(
          task -> Thread.ofPlatform().name("scrub").daemon().unstarted(task));

  /**
   * Does nothing yet.
   *
   * @param schedules of arrays by their UUIDs; the others are left alone
   * @param arrays that are served now; asked on the scrubber's thread
   * @param clock in the time zone that schedules mean
   */
  public Scrubber(
      Map<UUID, ScrubSchedule> schedules,
      Supplier<List<ServedArray>> arrays,
      ScrubLog scrubs,
      Clock clock) {
    this.schedules = Map.copyOf(schedules);
    this.arrays = arrays;
    this.scrubs = scrubs;
    this.clock = clock;
  }

  /** Looks from now on. */
  public void start() {
    if (schedules.values().stream().anyMatch(schedule -> !schedule.equals(ScrubSchedule.OFF))) {
      var _ = thread.scheduleWithFixedDelay(this::lookSafely, 0, 1, TimeUnit.MINUTES);
    }
  }

  private void lookSafely() {
    try {
      look();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      log.error("cannot look whether arrays are to be checked", e);
    }
  }

  /** Begins what is due. */
  void look() throws InterruptedException {
    for (ServedArray array : arrays.get()) {
      ScrubSchedule schedule = schedules.getOrDefault(array.uuid(), ScrubSchedule.OFF);
      for (ArraySnapshot snapshot : ArrayPoll.of(List.of(array), PATIENCE).answered()) {
        look(array, schedule, snapshot.status());
      }
    }
  }

  private void look(ServedArray array, ScrubSchedule schedule, ArrayStatus status)
      throws InterruptedException {
    UUID uuid = array.uuid();
    Instant begun = running.get(uuid);
    if (begun != null && status.sync().action() != SyncAction.CHECK) {
      running.remove(uuid);
      remember(uuid, begun);
    }
    Instant before =
        last.computeIfAbsent(uuid, _ -> scrubs.last(uuid).orElseGet(() -> firstSeen(uuid)));
    ZonedDateTime due = schedule.next(before.atZone(clock.getZone()));
    Instant now = clock.instant();
    if (due == null || now.isBefore(due.toInstant()) || !isFit(status)) {
      return;
    }
    try {
      array.change((engine, done) -> engine.check(done)).get();
      running.put(uuid, now);
      log.info("array {}: being checked, as was due on {}", array.name(), due);
    } catch (ExecutionException e) {
      log.warn(
          "array {} was due to be checked on {}, and is not: {}",
          array.name(),
          due,
          e.getCause() == null ? e : e.getCause().getMessage());
    }
  }

  private Instant firstSeen(UUID uuid) {
    Instant now = clock.instant();
    scrubs.record(uuid, now);
    return now;
  }

  private void remember(UUID uuid, Instant begun) {
    last.put(uuid, begun);
    scrubs.record(uuid, begun);
  }

  private static boolean isFit(ArrayStatus status) {
    boolean whole =
        status.state() == ArrayStatus.State.CLEAN || status.state() == ArrayStatus.State.ACTIVE;
    return whole && status.sync().action() == SyncAction.IDLE;
  }

  /** Begins nothing any more; what runs goes on. */
  @Override
  public void close() {
    thread.shutdownNow();
  }
}
