package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Resync after an unclean stop: what is copied, from where, and what clients see meanwhile. */
class ResyncTest {
  private static final int SIZE = 4 << 20;
  private static final int CHUNK = 256 << 10;
  private static final long SECOND = 1_000_000_000L;

  private final TestArray array = new TestArray(5, 2, SIZE, CHUNK);

  @Test
  void onlyChunksWithABitAreCopiedFromTheLowestSlot() {
    fill(0, 0, SIZE, 'P');
    fill(1, 0, SIZE, 'Q');
    unclean(3, 9);
    Mirror mirror = array.assemble();
    array.scheduler.runUntilIdle();
    assertThat(mirror.status().sync().copiedBytes()).isEqualTo(2 * CHUNK);
    assertThat(array.dataOf(0)).containsOnly('P');
    assertThat(chunksHolding(1, 'P')).containsExactlyInAnyOrder(3, 9);
  }

  @Test
  void aCleanArrayWithBitsIsNotResyncedAndItsBitsDrain() {
    fill(0, 0, SIZE, 'P');
    fill(1, 0, SIZE, 'Q');
    setBits(3);
    Mirror mirror = array.assemble();
    array.scheduler.advance(30 * SECOND);
    assertThat(mirror.status().sync().copiedBytes()).isZero();
    assertThat(TestArray.bit(array.devices.getFirst(), 3)).isFalse();
  }

  /** With periods of 5 s, in which a pass would otherwise come. */
  @Test
  void aPassComesEarlyWhenManyChunksAreDirty() {
    TestArray fine = new TestArray(6, 2, SIZE, 16 << 10);
    Mirror mirror = fine.assemble();
    ArrayClient client = new ArrayClient(fine, mirror);
    for (int chunk = 0; chunk < 60; chunk++) {
      client.submit((long) chunk << 14, 512, 1);
    }
    fine.scheduler.advance(4 * SECOND);
    assertThat(mirror.status().bitmap().dirtyChunks()).as("less than a quarter").isEqualTo(60);
    for (int chunk = 0; chunk < 90; chunk++) {
      client.submit((long) chunk << 14, 512, 1);
    }
    fine.scheduler.advance(3 * SECOND);
    // Some may have been in flight when the first of these passes looked at them.
    assertThat(mirror.status().bitmap().dirtyChunks()).as("more than a quarter").isLessThan(30);
  }

  @Test
  void readsWhereMembersMayDifferComeFromTheSource() {
    fill(0, 0, SIZE, 'P');
    fill(1, 0, SIZE, 'Q');
    unclean(0, 1, 2, 3);
    array.devices.get(1).inject(slowData());
    Mirror mirror = array.assemble();
    ArrayClient client = new ArrayClient(array, mirror);
    array.scheduler.advance(1_000_000);
    for (int i = 0; i < 20; i++) {
      // Several at once, so that the least loaded member would not always be the same.
      client
          .readAtOnce(4, i * 40_000L % (3 * CHUNK), 4096)
          .forEach(bytes -> assertThat(bytes).as("I4").containsOnly('P'));
    }
    assertThat(mirror.status().sync().action()).isEqualTo(ArrayStatus.SyncAction.RESYNC);
  }

  /** Reads would come from the other member from then on. */
  @Test
  void theSourceIsNotMadeWriteMostlyBeforeTheResyncIsDone() {
    fill(0, 0, SIZE, 'P');
    fill(1, 0, SIZE, 'Q');
    unclean(0, 1, 2, 3);
    Mirror mirror = array.assemble();
    List<@Nullable DeviceException> answers = new ArrayList<>();
    mirror.membership().setWriteMostly("member0", true, answers::add);
    ArrayClient client = new ArrayClient(array, mirror);
    assertThat(client.readAtOnce(1, 0, 4096).getFirst()).as("I4").containsOnly('P');
    array.scheduler.advance(SECOND);
    mirror.membership().setWriteMostly("member0", true, answers::add);
    array.scheduler.advance(SECOND);
    assertThat(answers).hasSize(2);
    assertThat(answers.getFirst()).hasMessageContaining("has a resync to do");
    assertThat(answers.get(1)).isNull();
  }

  @Test
  void readsElsewhereAreSharedAmongMembers() {
    Mirror mirror = array.assemble();
    int before = array.devices.get(1).trace().size();
    new ArrayClient(array, mirror).readAtOnce(4, 0, 4096);
    assertThat(array.devices.get(1).trace()).hasSizeGreaterThan(before);
  }

  @Test
  void holesOnBothSidesAreSkippedAndHolesInTheSourceArePunched() {
    fill(0, CHUNK, CHUNK, 'P');
    fill(1, 2 * CHUNK, CHUNK, 'Q');
    unclean(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    int[] written = new int[1];
    Set<Long> zeroed = new HashSet<>();
    array
        .devices
        .get(1)
        .listen((device, event) -> {
          boolean data = event.offsetBytes() >= TestArray.DATA_OFFSET_BYTES;
          if (data && event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE)) {
            written[0] += (int) event.lengthBytes();
          } else if (data && event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE_ZEROES)) {
            zeroed.add(event.offsetBytes() - TestArray.DATA_OFFSET_BYTES);
          }
        });
    array.assemble();
    array.scheduler.runUntilIdle();
    assertThat(written[0]).isEqualTo(CHUNK);
    assertThat(zeroed).isNotEmpty().allMatch(at -> at >= 2L * CHUNK && at < 3L * CHUNK);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0));
  }

  @Test
  void writesGoOnDuringResyncAndWin() {
    fill(0, 0, SIZE, 'P');
    fill(1, 0, SIZE, 'Q');
    unclean(0, 1, 2, 3, 4, 5);
    Mirror mirror = array.assemble();
    ArrayClient client = new ArrayClient(array, mirror);
    for (int i = 0; i < 200; i++) {
      client.submit(i * 7919L % (6 * CHUNK - 1000), 1000, 'w');
      array.scheduler.advance(20_000);
    }
    array.scheduler.advance(SECOND);
    assertThat(mirror.status().sync().action()).isEqualTo(ArrayStatus.SyncAction.IDLE);
    byte[] read = client.read(0, 6 * CHUNK);
    for (int slot = 0; slot < 2; slot++) {
      assertThat(Arrays.copyOf(array.dataOf(slot), 6 * CHUNK)).isEqualTo(read);
    }
    assertThat(read).contains('w');
  }

  @Test
  void aSourceThatCannotBeReadGivesWayToTheNext() {
    fill(0, 0, SIZE, 'P');
    fill(1, 0, SIZE, 'Q');
    unclean(2);
    array
        .devices
        .getFirst()
        .inject(
            SimulatedFault.failing(Errno.EIO)
                .on(Operation.READ)
                .within(TestArray.DATA_OFFSET_BYTES, SIZE));
    Mirror mirror = array.assemble();
    array.scheduler.runUntilIdle();
    assertThat(mirror.status().members().getFirst().role()).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(new ArrayClient(array, mirror).read(2 * CHUNK, 4096)).containsOnly('Q');
    assertThat(TestArray.bit(array.devices.get(1), 2)).as("the bit stays").isTrue();
  }

  @Test
  void aStopInTheMiddleLeavesTheArrayUncleanAndTheBitsSet() {
    fill(0, 0, SIZE, 'P');
    fill(1, 0, SIZE, 'Q');
    unclean(0, 2, 4, 6, 8, 15);
    array.devices.get(1).inject(slowData());
    Mirror mirror = array.assemble();
    array.scheduler.advance(SECOND / 100);
    assertThat(mirror.status().sync().action()).isEqualTo(ArrayStatus.SyncAction.RESYNC);
    assertThat(new ArrayClient(array, mirror).stop()).isNull();
    for (int slot = 0; slot < 2; slot++) {
      assertThat(array.superblock(slot).resyncOffset()).as("I8").isZero();
      assertThat(TestArray.bit(array.devices.get(slot), 15)).as("I8").isTrue();
    }
  }

  @Test
  void whenItIsDoneTheBitsDrainAndTheArrayIsClean() {
    fill(0, 0, SIZE, 'P');
    unclean(0, 5, 15);
    Mirror mirror = array.assemble();
    array.scheduler.advance(40 * SECOND);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
    assertThat(mirror.status().bitmap().dirtyChunks()).isZero();
    for (int slot = 0; slot < 2; slot++) {
      assertThat(TestArray.bit(array.devices.get(slot), 5)).isFalse();
      assertThat(array.superblock(slot).resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
    }
  }

  private static SimulatedFault slowData() {
    return SimulatedFault.slow(SECOND)
        .on(Operation.WRITE)
        .within(TestArray.DATA_OFFSET_BYTES, SIZE);
  }

  private Set<Integer> chunksHolding(int slot, int value) {
    byte[] data = array.dataOf(slot);
    Set<Integer> chunks = new HashSet<>();
    for (int chunk = 0; chunk < SIZE / CHUNK; chunk++) {
      if (data[chunk * CHUNK] == value && data[(chunk + 1) * CHUNK - 1] == value) {
        chunks.add(chunk);
      }
    }
    return chunks;
  }

  private void fill(int slot, int offset, int length, char value) {
    ByteBuffer bytes = ByteBuffer.allocateDirect(length);
    for (int i = 0; i < length; i++) {
      bytes.put(i, (byte) value);
    }
    array.put(array.devices.get(slot), TestArray.DATA_OFFSET_BYTES + offset, bytes);
  }

  private void unclean(int... chunks) {
    setBits(chunks);
    for (SimulatedDevice device : array.devices) {
      MdSuperblock superblock = array.superblock(array.devices.indexOf(device)).copy();
      superblock.setResyncOffset(0);
      array.putSuperblock(device, superblock);
    }
  }

  private void setBits(int... chunks) {
    for (SimulatedDevice device : array.devices) {
      byte[] page = device.readNow(TestArray.BITMAP_OFFSET_BYTES, 4096);
      for (int chunk : chunks) {
        page[256 + chunk / 8] |= (byte) (1 << (chunk % 8));
      }
      array.put(
          device, TestArray.BITMAP_OFFSET_BYTES, ByteBuffer.allocateDirect(4096).put(page).flip());
    }
  }
}
