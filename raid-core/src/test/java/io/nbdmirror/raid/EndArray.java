package io.nbdmirror.raid;

import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.raid.creation.ArrayCreation;
import io.nbdmirror.raid.creation.NewArray;
import java.util.List;
import java.util.UUID;

/** Arrays of two members whose superblocks, of version 1.0, lie behind the data. */
final class EndArray {
  /** More than such a member needs beside its data. */
  static final int MORE_METADATA = 64 << 10;

  private EndArray() {}

  static TestArray create(long seed, long sizeBytes, int chunkBytes) {
    TestArray array = new TestArray(seed, 2, sizeBytes, chunkBytes);
    array.devices.clear();
    for (int slot = 0; slot < 2; slot++) {
      SimulatedDisk disk = SimulatedDisk.of("end" + slot, sizeBytes + MORE_METADATA);
      array.devices.add(new SimulatedDevice(disk, array.scheduler, seed * 37 + slot));
    }
    ArrayCreation.create(
        new NewArray(
            "test",
            TestArray.ARRAY,
            0,
            sizeBytes,
            NewArray.Bitmap.INTERNAL,
            chunkBytes,
            5,
            0,
            true,
            List.of(new UUID(7, 0), new UUID(7, 1))),
        array.devices.stream().map(device -> new ArrayCreation.Slot(device, false)).toList(),
        false,
        false,
        1,
        (layout, failure) -> {
          if (failure != null) {
            throw new AssertionError(failure);
          }
        });
    array.scheduler.runUntilIdle();
    return array;
  }
}
