package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.assembly.Assembly;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** An array that is served read-only: whatever state it is found in, no byte of it changes. */
class ReadOnlyTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final long MINUTE = 60_000_000_000L;

  /** What it is found in. */
  enum State {
    CLEAN,
    UNCLEAN,
    RECORDED_DEGRADED,
    MEMBER_MISSING,
    REBUILDING,
    WITH_SPARE
  }

  @ParameterizedTest
  @CsvSource({
    "CLEAN, false",
    "CLEAN, true",
    "UNCLEAN, false",
    "UNCLEAN, true",
    "RECORDED_DEGRADED, false",
    "RECORDED_DEGRADED, true",
    "MEMBER_MISSING, false",
    "MEMBER_MISSING, true",
    "REBUILDING, false",
    "REBUILDING, true",
    "WITH_SPARE, false",
    "WITH_SPARE, true"
  })
  void nothingIsWrittenToAnyMemberOrBitmap(State state, boolean bitmapInFile) {
    TestArray array =
        bitmapInFile
            ? TestArray.withBitmapFile(1, 3, SIZE, CHUNK)
            : new TestArray(1, 3, SIZE, CHUNK);
    List<SimulatedDevice> members = new ArrayList<>(array.devices);
    put(array, state, members);
    List<Integer> before =
        array.allDevices().stream().map(device -> device.trace().size()).toList();
    AtomicReference<@Nullable Mirror> assembled = new AtomicReference<>();
    Assembly.assemble(
        List.<BlockDevice>copyOf(members),
        array.bitmapFile(),
        true,
        true,
        array.scheduler,
        (mirror, failure) -> assembled.set(mirror));
    array.scheduler.runUntilIdle();
    Mirror mirror = assembled.get();
    assertThat(mirror).isNotNull();
    mirror.start();
    ArrayClient client = new ArrayClient(array, mirror);
    assertThat(client.read(0, SIZE)).hasSize(SIZE);
    assertThat(client.flush()).isNull();
    assertThat(client.write(0, 4096, 1)).isNotNull();
    assertThat(client.discard(0, 4096)).isNotNull();
    mirror.grow(0, true, failure -> assertThat(failure).hasMessageContaining("read-only"));
    array.scheduler.advance(MINUTE);
    assertThat(client.stop()).isNull();
    for (SimulatedDevice device : array.allDevices()) {
      int from = before.get(array.allDevices().indexOf(device));
      assertThat(device.trace().subList(from, device.trace().size()))
          .allMatch(event ->
              event.operation() == Operation.READ || event.operation() == Operation.EXTENTS);
    }
  }

  private static void put(TestArray array, State state, List<SimulatedDevice> members) {
    if (state == State.MEMBER_MISSING) {
      members.remove(2);
    }
    for (int slot = 0; slot < 3; slot++) {
      MdSuperblock superblock = array.superblock(slot).copy();
      switch (state) {
        case CLEAN, MEMBER_MISSING -> {}
        case UNCLEAN -> {
          superblock.setResyncOffset(0);
          // Members differ too, where the bitmap may or may not say so.
          array.put(
              array.devices.get(slot),
              TestArray.DATA_OFFSET_BYTES,
              ByteBuffer.allocateDirect(4096).putInt(0, slot));
        }
        case RECORDED_DEGRADED -> superblock.setRole(2, MdSuperblock.ROLE_FAULTY);
        case REBUILDING -> {
          if (slot == 2) {
            superblock.setFeatureMap(
                superblock.featureMap() | MdSuperblock.FEATURE_RECOVERY_OFFSET);
            superblock.setRecoveryOffset(0);
          }
        }
        case WITH_SPARE -> {
          superblock.setRaidDisks(2);
          superblock.setRole(2, MdSuperblock.ROLE_SPARE);
        }
      }
      array.putSuperblock(array.devices.get(slot), superblock);
    }
  }
}
