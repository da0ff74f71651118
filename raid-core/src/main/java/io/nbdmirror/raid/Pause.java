package io.nbdmirror.raid;

import io.nbdmirror.raid.event.SuperblockUpdates;
import io.nbdmirror.raid.membership.Standstill;
import io.nbdmirror.raid.write.BitmapGate;

/** Holds clearing passes, then writes before their bits, then waits for the superblocks. */
record Pause(Housekeeping housekeeping, BitmapGate gate, SuperblockUpdates updates)
    implements Standstill {
  @Override
  public void begin(Runnable still) {
    housekeeping.hold(() -> gate.close(() -> updates.whenSettled(still::run)));
  }

  @Override
  public void end() {
    housekeeping.release();
    gate.open();
  }
}
