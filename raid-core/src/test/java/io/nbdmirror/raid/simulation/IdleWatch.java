package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedScheduler;

/**
 * Sees to it that a request waits for disks and for nothing else (I9): while no disk and no task
 * has anything to do, only the gathering of commits may hold it, for some milliseconds.
 */
final class IdleWatch {
  private static final long GATHERING_NANOS = 5_000_000;

  private final SimulatedScheduler scheduler;
  private final Disks disks;
  private final Tally tally;
  private long requestsSeen;
  private long idleSince = -1;

  IdleWatch(SimulatedScheduler scheduler, Disks disks, Tally tally) {
    this.scheduler = scheduler;
    this.disks = disks;
    this.tally = tally;
  }

  /** Called between two events of the loop. */
  void look(Clients clients) {
    if (!scheduler.isIdle()
        || clients.inFlight() == 0
        || tally.deviceRequests != requestsSeen
        || disks.all().stream().anyMatch(IdleWatch::isBusy)) {
      requestsSeen = tally.deviceRequests;
      idleSince = -1;
    } else if (idleSince < 0) {
      idleSince = scheduler.elapsedNanos();
    } else {
      Violation.require(
          scheduler.elapsedNanos() - idleSince <= GATHERING_NANOS,
          "I9: a request waits and no disk has anything to do");
    }
  }

  private static boolean isBusy(SimulatedDevice disk) {
    return disk.inFlight() > 0;
  }
}
