package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.superblock.BadBlockLog;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What becomes of a write that a member takes in part or not at all. */
class WriteErrorTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final long DATA = TestArray.DATA_OFFSET_BYTES;
  private static final BadBlockLog.Entry BAD = new BadBlockLog.Entry((DATA + 8192) / 512, 8);

  private final TestArray array = new TestArray(1, 2, SIZE, CHUNK);
  private final Mirror mirror;
  private final ArrayClient client;

  WriteErrorTest() {
    array.giveBadBlockLogs();
    mirror = array.assemble();
    client = new ArrayClient(array, mirror);
    assertThat(client.write(0, CHUNK, 1)).isNull();
  }

  @Test
  void aFewBadBlocksAreRecordedAndTheMemberStays() {
    failing(1, 8192, 4096);
    assertThat(client.write(0, CHUNK, 2)).isNull();
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.IN_SYNC);
    assertThat(array.badBlocksOnMedium(1)).containsExactly(BAD);
    byte[] data = array.dataOf(1);
    assertThat(Arrays.copyOfRange(data, 0, 8192)).as("before them").containsOnly(2);
    assertThat(Arrays.copyOfRange(data, 12288, CHUNK)).as("behind them").containsOnly(2);
    assertThat(client.read(0, CHUNK)).containsOnly(2);
  }

  @Test
  void whatIsRecordedIsDurableBeforeTheWriteIsAnswered() {
    failing(1, 8192, 4096);
    List<BadBlockLog.Entry> atReply = new ArrayList<>();
    mirror.write(
        8192,
        ArrayClient.filled(4096, 2),
        0,
        4096,
        false,
        failure -> atReply.addAll(array.badBlocksOnMedium(1)));
    client.settle();
    assertThat(atReply).containsExactly(BAD);
  }

  @Test
  void anErrorThatPassesLeavesNothingBehind() {
    array.devices.get(1).inject(SimulatedFault.shortWrites().within(DATA + 8192, 4096).once());
    assertThat(client.write(0, CHUNK, 2)).isNull();
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.IN_SYNC);
    assertThat(array.badBlocksOnMedium(1)).isEmpty();
    assertThat(Arrays.copyOf(array.dataOf(1), CHUNK)).containsOnly(2);
  }

  @Test
  void zeroesThatABlockRefusesAreRecordedAsWell() {
    failing(1, 8192, 4096);
    assertThat(client.writeZeroes(0, CHUNK)).isNull();
    assertThat(array.badBlocksOnMedium(1)).containsExactly(BAD);
    assertThat(client.read(0, CHUNK)).containsOnly(0);
  }

  @Test
  void aTrimThatABlockRefusesIsRecordedAsWell() {
    failing(1, 8192, 4096);
    assertThat(client.discard(0, CHUNK)).isNull();
    assertThat(array.badBlocksOnMedium(1)).containsExactly(BAD);
    assertThat(client.read(0, CHUNK)).containsOnly(0);
  }

  @Test
  void manyBadBlocksAtOnceFailTheMember() {
    failing(1, 8192, 9 * 512);
    assertThat(client.write(0, CHUNK, 2)).isNull();
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(client.read(0, CHUNK)).containsOnly(2);
  }

  @Test
  void anErrorOfASynchronousWriteFailsTheMember() {
    failing(1, 8192, 4096);
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.write(8192, ArrayClient.filled(4096, 2), 0, 4096, true, answer::set);
    client.settle();
    assertThat(answer.get()).isNull();
    assertThat(roleOf(1)).as("I5").isEqualTo(ArrayStatus.Role.FAULTY);
  }

  @Test
  void anErrorThatIsNotOfTheMediumFailsTheMember() {
    array
        .devices
        .get(1)
        .inject(SimulatedFault.failing(Errno.EROFS).on(Operation.WRITE).within(DATA + 8192, 4096));
    assertThat(client.write(0, CHUNK, 2)).isNull();
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.FAULTY);
  }

  @Test
  void aFullLogFailsTheMember() {
    TestArray full = new TestArray(2, 2, SIZE, CHUNK);
    full.giveBadBlockLogs();
    fillLog(full, 1);
    Mirror assembled = full.assemble();
    full.devices
        .get(1)
        .inject(
            SimulatedFault.failing(Errno.EIO).on(Operation.WRITE).within(DATA + SIZE - 4096, 1));
    assertThat(new ArrayClient(full, assembled).write(SIZE - 4096, 4096, 2)).isNull();
    assertThat(assembled.status().members().get(1).role()).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(full.superblock(0).role(1)).as("I3").isEqualTo(0xfffe);
  }

  @Test
  void theLastMembersErrorIsTheClientsAndIsNotRecorded() {
    array.devices.get(1).disappear();
    assertThat(client.write(0, 512, 1)).isNull();
    failing(0, 8192, 4096);
    DeviceException failure = client.write(0, CHUNK, 2);
    assertThat(failure).isNotNull();
    assertThat(failure.errno()).isEqualTo(Errno.EIO);
    assertThat(roleOf(0)).as("I7").isEqualTo(ArrayStatus.Role.IN_SYNC);
    assertThat(array.badBlocksOnMedium(0)).isEmpty();
  }

  @Test
  void differentBadBlocksOfTwoMembersLeaveAWriteWhole() {
    failing(0, 8192, 4096);
    failing(1, 32768, 4096);
    assertThat(client.write(0, CHUNK, 2)).isNull();
    assertThat(array.badBlocksOnMedium(0)).hasSize(1);
    assertThat(array.badBlocksOnMedium(1)).hasSize(1);
    assertThat(client.read(0, CHUNK)).containsOnly(2);
  }

  @Test
  void aBlockThatNobodyTakesIsTheClientsError() {
    failing(0, 8192, 4096);
    failing(1, 8192, 4096);
    DeviceException failure = client.write(0, CHUNK, 2);
    assertThat(failure).isNotNull();
    assertThat(failure.errno()).isEqualTo(Errno.EIO);
    assertThat(client.read(0, 8192)).containsOnly(2);
    assertThat(client.read(12288, 8192)).containsOnly(2);
  }

  @Test
  void aMemberWithoutRoomFailsWhenAnotherHasRoom() {
    array
        .devices
        .get(1)
        .inject(SimulatedFault.failing(Errno.ENOSPC).on(Operation.WRITE).within(DATA, SIZE));
    assertThat(client.write(0, CHUNK, 2)).isNull();
    assertThat(roleOf(1)).isEqualTo(ArrayStatus.Role.FAULTY);
    assertThat(array.badBlocksOnMedium(1)).isEmpty();
    assertThat(client.read(0, CHUNK)).containsOnly(2);
  }

  @Test
  void whenNoMemberHasRoomTheClientIsToldAndNoneFails() {
    List<SimulatedFault> faults = new ArrayList<>();
    for (SimulatedDevice device : array.devices) {
      SimulatedFault fault = SimulatedFault.outOfSpace().within(DATA + CHUNK, CHUNK).once();
      device.inject(fault);
      faults.add(fault);
    }
    byte[] before = client.read(CHUNK, CHUNK);
    DeviceException failure = client.write(CHUNK, CHUNK, 2);
    assertThat(failure).isNotNull();
    assertThat(failure.errno()).isEqualTo(Errno.ENOSPC);
    assertThat(mirror.status().state()).isNotEqualTo(ArrayStatus.State.DEGRADED);
    assertThat(faults).allMatch(fault -> fault.hits() == 1);
    assertThat(array.dataOf(0)).as("members are the same").isEqualTo(array.dataOf(1));
    byte[] after = client.read(CHUNK, CHUNK);
    for (int i = 0; i < CHUNK; i++) {
      assertThat(after[i]).isIn(before[i], (byte) 2);
    }
    assertThat(client.write(CHUNK, CHUNK, 3)).isNull();
    assertThat(client.read(CHUNK, CHUNK)).containsOnly(3);
  }

  @Test
  void aFailedWriteOverOldDataLeavesMembersTheSame() {
    for (SimulatedDevice device : array.devices) {
      device.inject(SimulatedFault.outOfSpace().within(DATA, CHUNK).once());
    }
    assertThat(client.write(0, CHUNK, 2)).isNotNull();
    assertThat(array.dataOf(0)).isEqualTo(array.dataOf(1));
    byte[] read = client.read(0, CHUNK);
    for (byte each : read) {
      assertThat(each).as("nothing that was there is lost").isIn((byte) 1, (byte) 2);
    }
  }

  @Test
  void afterAWriteWithoutRoomTheArrayComesToRestClean() {
    for (SimulatedDevice device : array.devices) {
      device.inject(SimulatedFault.outOfSpace().within(DATA + CHUNK, CHUNK).once());
    }
    assertThat(client.write(CHUNK, CHUNK, 2)).isNotNull();
    array.scheduler.advance(60_000_000_000L);
    assertThat(client.stop()).isNull();
    assertThat(array.superblock(0).resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
    assertThat(array.bit(1)).isFalse();
  }

  @Test
  void anEdgeBlockThatTheMediumRefusesIsRecorded() {
    failing(1, 8192, 512);
    assertThat(client.write(8192 + 100, 2000, 2)).isNull();
    assertThat(array.badBlocksOnMedium(1))
        .containsExactly(new BadBlockLog.Entry((DATA + 8192) / 512, 1));
    byte[] read = client.read(8192, 4096);
    for (int i = 0; i < 4096; i++) {
      assertThat(read[i]).isEqualTo((byte) (i >= 100 && i < 2100 ? 2 : 1));
    }
  }

  private static void fillLog(TestArray array, int slot) {
    List<BadBlockLog.Entry> entries = new ArrayList<>();
    for (int i = 0; i < 4096 / BadBlockLog.ENTRY_BYTES; i++) {
      entries.add(new BadBlockLog.Entry((DATA + SIZE) / 512 + 2L * i, 1));
    }
    ByteBuffer log = ByteBuffer.allocate(4096);
    BadBlockLog.encode(entries, log, 0);
    array.devices.get(slot).writeNow(TestArray.BAD_BLOCK_LOG_BYTES, log.array());
    MdSuperblock superblock = array.superblock(slot).copy();
    superblock.setFeatureMap(superblock.featureMap() | MdSuperblock.FEATURE_BAD_BLOCKS);
    array.putSuperblock(array.devices.get(slot), superblock);
  }

  private void failing(int slot, long offset, int length) {
    array
        .devices
        .get(slot)
        .inject(
            SimulatedFault.failing(Errno.EIO)
                .on(Operation.WRITE, Operation.WRITE_ZEROES, Operation.DISCARD)
                .within(DATA + offset, length));
  }

  private ArrayStatus.Role roleOf(int slot) {
    return mirror.status().members().get(slot).role();
  }
}
