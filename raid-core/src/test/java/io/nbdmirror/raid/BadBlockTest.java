package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.superblock.BadBlockLog;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What a member's bad-block log says is honoured, and kept up to date. */
class BadBlockTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final long DATA = TestArray.DATA_OFFSET_BYTES;
  private static final BadBlockLog.Entry BAD = new BadBlockLog.Entry((DATA + 8192) / 512, 8);

  private final TestArray array = new TestArray(1, 2, SIZE, CHUNK);

  BadBlockTest() {
    array.giveBadBlockLogs();
  }

  @Test
  void whatTheLogNamesIsReadElsewhere() {
    recordBad(0, BAD);
    fill(0, 8);
    fill(1, 9);
    ArrayClient client = new ArrayClient(array, array.assemble());
    byte[] read = client.read(0, 64 << 10);
    assertThat(Arrays.copyOfRange(read, 8192, 12288)).containsOnly(9);
    assertThat(client.read(8192, 4096)).containsOnly(9);
  }

  @Test
  void whatAllLogsNameIsAnErrorAndTheRestIsNot() {
    recordBad(0, BAD);
    recordBad(1, BAD);
    Mirror mirror = array.assemble();
    ArrayClient client = new ArrayClient(array, mirror);
    DeviceException failure = read(mirror, client, 0, 64 << 10);
    assertThat(failure).isNotNull();
    assertThat(failure.errno()).isEqualTo(Errno.EIO);
    assertThat(client.read(0, 8192)).containsOnly(0);
    assertThat(client.read(12288, 8192)).containsOnly(0);
  }

  @Test
  void aReadOfWhatDifferentMembersLackInPartsIsPutTogether() {
    BadBlockLog.Entry other = new BadBlockLog.Entry((DATA + 32768) / 512, 16);
    recordBad(0, BAD);
    recordBad(1, other);
    ArrayClient client = new ArrayClient(array, array.assemble());
    assertThat(client.read(0, 64 << 10)).containsOnly(0);
  }

  @Test
  void whatIsWrittenIsBadNoMoreOnceItIsDurable() {
    recordBad(0, BAD);
    List<Boolean> volatileAtLogWrite = new ArrayList<>();
    SimulatedDevice device = array.devices.getFirst();
    ArrayClient client = new ArrayClient(array, array.assemble());
    device.listen((ignored, event) -> {
      if (event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE)
          && event.offsetBytes() == TestArray.BAD_BLOCK_LOG_BYTES) {
        volatileAtLogWrite.add(device.readDurable(DATA + 8192, 512)[0] != 5);
      }
    });
    assertThat(client.write(8192, 4096, 5)).isNull();
    assertThat(array.badBlocksOnMedium(0)).isEmpty();
    assertThat(array.superblock(0).hasFeature(MdSuperblock.FEATURE_BAD_BLOCKS)).isFalse();
    assertThat(volatileAtLogWrite).as("the data, when the log forgets it").containsExactly(false);
    array.devices.get(1).disappear();
    assertThat(client.write(0, 512, 5)).isNull();
    assertThat(client.read(8192, 4096)).containsOnly(5);
  }

  @Test
  void aWriteOfAPartLeavesTheRestBad() {
    recordBad(0, BAD);
    ArrayClient client = new ArrayClient(array, array.assemble());
    assertThat(client.write(8192, 512, 5)).isNull();
    assertThat(array.badBlocksOnMedium(0))
        .containsExactly(new BadBlockLog.Entry(BAD.sector() + 1, 7));
  }

  @Test
  void theLogIsOnTheMediumBeforeTheSuperblockSaysSo() {
    ArrayClient client = new ArrayClient(array, array.assemble());
    assertThat(client.write(0, SIZE, 1)).isNull();
    SimulatedDevice device = array.devices.getFirst();
    List<Boolean> logged = new ArrayList<>();
    device.listen((ignored, event) -> {
      if (event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE) && event.offsetBytes() == 4096) {
        logged.add(
            BadBlockLog.decode(
                    ByteBuffer.wrap(device.readDurable(TestArray.BAD_BLOCK_LOG_BYTES, 4096)), 0)
                .contains(BAD));
      }
    });
    device.inject(
        SimulatedFault.failing(Errno.EIO)
            .on(Operation.READ, Operation.WRITE)
            .within(DATA + 8192, 4096));
    assertThat(client.read(8192, 4096)).containsOnly(1);
    assertThat(array.badBlocksOnMedium(0)).containsExactly(BAD);
    assertThat(logged).containsExactly(true);
  }

  @Test
  void aMemberWhoseLogCannotBeReadIsLeftOut() {
    recordBad(0, BAD);
    array
        .devices
        .getFirst()
        .inject(
            SimulatedFault.failing(Errno.EIO)
                .on(Operation.READ)
                .within(TestArray.BAD_BLOCK_LOG_BYTES, 4096));
    assertThat(array.refusal(array.devices, false)).hasMessageContaining("member0 is left out");
    Mirror mirror = array.assemble(array.devices, true);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.DEGRADED);
  }

  @Test
  void resyncCopiesWhatItsSourceLacksFromTheOther() {
    fill(0, 8);
    fill(1, 9);
    recordBad(0, BAD);
    makeUnclean();
    ArrayClient client = new ArrayClient(array, array.assemble());
    client.settle();
    assertThat(array.dataOf(0)).isEqualTo(array.dataOf(1));
    assertThat(Arrays.copyOfRange(array.dataOf(0), 0, 8192)).containsOnly(8);
    assertThat(Arrays.copyOfRange(array.dataOf(0), 8192, 12288)).containsOnly(9);
    assertThat(array.badBlocksOnMedium(0)).as("written by resync").isEmpty();
  }

  @Test
  void aBlockThatBecameUnreadableDoesNotEndAResync() {
    fill(0, 8);
    fill(1, 9);
    makeUnclean();
    array
        .devices
        .getFirst()
        .inject(
            SimulatedFault.failing(Errno.EIO)
                .on(Operation.READ, Operation.WRITE)
                .within(DATA + 8192, 4096));
    Mirror mirror = array.assemble();
    ArrayClient client = new ArrayClient(array, mirror);
    client.settle();
    assertThat(mirror.status().state()).isNotEqualTo(ArrayStatus.State.DEGRADED);
    assertThat(array.badBlocksOnMedium(0)).containsExactly(BAD);
    assertThat(client.read(0, 8192)).containsOnly(8);
    assertThat(client.read(8192, 4096)).containsOnly(9);
  }

  @Test
  void aRecoveryGoesOnPastWhatItsOnlySourceCannotRead() {
    fill(0, 8);
    Mirror mirror = array.assemble(List.of(array.devices.getFirst()), true);
    ArrayClient client = new ArrayClient(array, mirror);
    assertThat(client.write(0, 512, 8)).isNull();
    array
        .devices
        .getFirst()
        .inject(SimulatedFault.failing(Errno.EIO).on(Operation.READ).within(DATA + 8192, 4096));
    SimulatedDevice fresh =
        new SimulatedDevice(SimulatedDisk.of("fresh", DATA + SIZE), array.scheduler, 99);
    mirror.membership().add(fresh, failure -> assertThat(failure).isNull());
    client.settle();
    assertThat(mirror.status().members().get(1).role()).isEqualTo(ArrayStatus.Role.IN_SYNC);
    assertThat(
            Arrays.equals(fresh.readNow(DATA, 8192), array.devices.getFirst().readNow(DATA, 8192)))
        .isTrue();
    assertThat(read(mirror, client, 8192, 4096))
        .as("one copy cannot be read, one lacks it")
        .isNotNull();
    assertThat(client.write(8192, 4096, 5)).isNull();
    assertThat(client.read(8192, 4096)).as("written, so it is there again").containsOnly(5);
  }

  @Test
  void aLogThatLinuxCannotHaveWrittenIsRefused() {
    recordBad(0, BAD);
    MdSuperblock superblock = array.superblock(0).copy();
    superblock.setBblogOffset(1 << 20);
    array.putSuperblock(array.devices.getFirst(), superblock);
    assertThat(array.refusal(array.devices, false)).hasMessageContaining("bad-block log");
  }

  private void fill(int slot, int value) {
    byte[] bytes = new byte[SIZE];
    Arrays.fill(bytes, (byte) value);
    array.devices.get(slot).writeNow(DATA, bytes);
  }

  private void recordBad(int slot, BadBlockLog.Entry entry) {
    ByteBuffer log = ByteBuffer.allocate(4096);
    BadBlockLog.encode(List.of(entry), log, 0);
    array.devices.get(slot).writeNow(TestArray.BAD_BLOCK_LOG_BYTES, log.array());
    MdSuperblock superblock = array.superblock(slot).copy();
    superblock.setFeatureMap(superblock.featureMap() | MdSuperblock.FEATURE_BAD_BLOCKS);
    array.putSuperblock(array.devices.get(slot), superblock);
  }

  /** Not stopped cleanly, every bit set. */
  private void makeUnclean() {
    for (int slot = 0; slot < 2; slot++) {
      MdSuperblock superblock = array.superblock(slot).copy();
      superblock.setResyncOffset(0);
      array.putSuperblock(array.devices.get(slot), superblock);
      byte[] page = array.devices.get(slot).readNow(TestArray.BITMAP_OFFSET_BYTES, 4096);
      Arrays.fill(page, 256, 256 + SIZE / CHUNK / 8, (byte) 0xff);
      array.devices.get(slot).writeNow(TestArray.BITMAP_OFFSET_BYTES, page);
    }
  }

  private static @Nullable DeviceException read(
      Mirror mirror, ArrayClient client, long offset, int length) {
    ByteBuf target = Unpooled.directBuffer(length, length);
    AtomicReference<@Nullable DeviceException> answer = ArrayClient.unanswered();
    mirror.read(offset, target, 0, length, answer::set);
    client.settle();
    return answer.get();
  }
}
