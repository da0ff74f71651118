package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the array says of its members at one instant.
 *
 * @param inSync in slot order
 * @param rebuilding get every write, hold not all data
 * @param source where reads come from while members may differ (I4): the lowest slot in sync that
 *     is not write-mostly
 */
record Roles(
    List<SimulatedDevice> inSync,
    List<SimulatedDevice> rebuilding,
    int faulty,
    @Nullable SimulatedDevice source,
    boolean isBroken,
    boolean isComplete,
    ArrayStatus status) {
  static Roles of(Mirror mirror, Disks disks) {
    ArrayStatus status = mirror.status();
    List<SimulatedDevice> inSync = new ArrayList<>();
    List<SimulatedDevice> rebuilding = new ArrayList<>();
    SimulatedDevice source = null;
    int faulty = 0;
    boolean complete = true;
    for (ArrayStatus.Member member : status.members()) {
      SimulatedDevice device = disks.member(member.path());
      complete &= member.role() == ArrayStatus.Role.IN_SYNC || member.slot() < 0;
      faulty += member.role() == ArrayStatus.Role.FAULTY ? 1 : 0;
      if (device != null && member.role() == ArrayStatus.Role.IN_SYNC) {
        inSync.add(device);
        if (source == null && !member.writeMostly()) {
          source = device;
        }
      } else if (device != null && member.role() == ArrayStatus.Role.REBUILDING) {
        rebuilding.add(device);
      }
    }
    return new Roles(
        inSync,
        rebuilding,
        faulty,
        source != null || inSync.isEmpty() ? source : inSync.getFirst(),
        status.state() == ArrayStatus.State.BROKEN,
        complete,
        status);
  }

  boolean isInSync(SimulatedDevice device) {
    return inSync.contains(device);
  }
}
