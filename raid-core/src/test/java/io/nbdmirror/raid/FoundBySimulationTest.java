package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Latency;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.Outcome;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What the simulator found, each made as small as it gets. */
class FoundBySimulationTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final long DATA = TestArray.DATA_OFFSET_BYTES;

  /** After a kill some of it may be in the survivor's cache only, and the absent one lack it. */
  @Test
  void aFlushIsNotAnsweredBeforeAnAbsentMemberIsRecorded() {
    TestArray array = new TestArray(1, 2, SIZE, CHUNK, Latency.LATER);
    Mirror mirror = array.assemble(List.of(array.devices.getFirst()), true);
    List<Integer> roles = new ArrayList<>();
    mirror.flush(failure -> roles.add(array.superblock(0).role(1)));
    array.scheduler.runUntilIdle();
    assertThat(roles).as("I3").hasSize(1).allMatch(role -> role >= MdSuperblock.ROLE_SLOT_LIMIT);
  }

  @Test
  void aFlushFailsWhenItIsTheRecordOfAnAbsentMemberThatCannotBeWritten() {
    TestArray array = new TestArray(1, 2, SIZE, CHUNK, Latency.LATER);
    array
        .devices
        .getFirst()
        .inject(
            SimulatedFault.failing(Errno.EIO).on(Operation.WRITE).within(4096, MdSuperblock.BYTES));
    Mirror mirror = array.assemble(List.of(array.devices.getFirst()), true);
    Outcome outcome = new Outcome();
    mirror.flush(outcome);
    array.scheduler.runUntilIdle();
    assertThat(outcome.errno()).as("I7").isEqualTo(Errno.EIO);
  }

  @Test
  void aStopThatFailsClosesNoMemberThatIsStillBeingWrittenTo() {
    TestArray array = new TestArray(1, 3, SIZE, CHUNK, Latency.LATER);
    Mirror mirror = array.assemble();
    ArrayClient client = new ArrayClient(array, mirror);
    assertThat(client.write(0, 4096, 1)).isNull();
    array.devices.forEach(
        device -> device.inject(SimulatedFault.failing(Errno.EIO).on(Operation.FLUSH)));
    Outcome outcome = new Outcome();
    mirror.stop(outcome);
    array.scheduler.runUntil(outcome::done);
    array.scheduler.runUntilIdle();
    assertThat(outcome.errno()).isEqualTo(Errno.EIO);
  }

  @Test
  void aDisturbedFileIsWrittenAgainAfterItWasRewrittenForALargerArray() {
    TestArray array = TestArray.withBitmapFile(1, 2, SIZE, CHUNK);
    Mirror mirror = array.assemble();
    array.scheduler.runUntilIdle();
    array.devices.forEach(device -> device.resize(device.sizeBytes() + SIZE));
    SimulatedDevice file = Objects.requireNonNull(array.bitmapDevice());
    file.inject(SimulatedFault.slow(10_000_000).on(Operation.WRITE));
    List<DeviceEvent> writes = new ArrayList<>();
    file.listen((device, event) -> writes.add(event));
    Outcome grown = new Outcome();
    mirror.grow(0, false, grown);
    array.scheduler.runUntil(() -> writes.size() == 3);
    mirror.bitmapDisturbed();
    array.scheduler.runUntil(grown::done);
    array.scheduler.runUntilIdle();
    assertThat(grown.succeeded()).isTrue();
    for (int i = 0; i < writes.size(); i += 2) {
      assertThat(writes.get(i).phase()).as("I2").isEqualTo(DeviceEvent.Phase.SUBMITTED);
      assertThat(writes.get(i + 1).phase()).as("I2").isEqualTo(DeviceEvent.Phase.COMPLETED);
    }
    BitmapSuperblock found = BitmapSuperblock.wrap(ByteBuffer.wrap(file.readNow(0, 512)));
    assertThat(found.syncSize()).isEqualTo(mirror.sizeBytes() / 512);
  }

  /** The old bitmap's first page was written to the file beside the new one's. */
  @Test
  void aFailureIsRecordedAfterABitmapFileWasRewrittenForALargerArray() {
    TestArray array = TestArray.withBitmapFile(1, 3, SIZE, CHUNK);
    Mirror mirror = array.assemble();
    array.scheduler.runUntilIdle();
    array.devices.forEach(device -> device.resize(device.sizeBytes() + SIZE));
    SimulatedDevice file = Objects.requireNonNull(array.bitmapDevice());
    file.inject(SimulatedFault.slow(10_000_000).on(Operation.WRITE));
    List<DeviceEvent> writes = new ArrayList<>();
    file.listen((device, event) -> writes.add(event));
    Outcome grown = new Outcome();
    mirror.grow(0, false, grown);
    array.scheduler.runUntil(() -> writes.size() == 3);
    array.devices.get(2).inject(SimulatedFault.failing(Errno.EIO).on(Operation.FLUSH));
    mirror.flush(failure -> {});
    array.scheduler.runUntil(grown::done);
    assertThat(grown.succeeded()).isTrue();
    for (int i = 0; i < writes.size(); i += 2) {
      assertThat(writes.get(i).phase()).as("I2").isEqualTo(DeviceEvent.Phase.SUBMITTED);
      assertThat(writes.get(i + 1).phase()).as("I2").isEqualTo(DeviceEvent.Phase.COMPLETED);
    }
    assertThat(array.superblock(0).role(2)).isGreaterThanOrEqualTo(MdSuperblock.ROLE_SLOT_LIMIT);
    assertThat(mirror.sizeBytes()).isEqualTo(2 * SIZE);
  }

  /** A hole of the source's that begins within a block of the target's. */
  @Test
  void resyncCopiesBetweenMembersOfDifferentBlocks() {
    TestArray array =
        new TestArray(
            1,
            2,
            SIZE,
            CHUNK,
            disk -> disk.path().equals("member1") ? disk.withBlockBytes(4096) : disk);
    ArrayClient client = new ArrayClient(array, array.assemble());
    client.submit(0, 4096, 1);
    // Not so long that it is marked clean.
    array.scheduler.runUntilIdle();
    TestArray later = array.afterCut(1, false);
    later.devices.getFirst().writeNow(DATA + 4096 + 512, sector(7));
    later.assemble();
    later.scheduler.runUntilIdle();
    assertThat(later.dataOf(1)).isEqualTo(later.dataOf(0));
  }

  @Test
  void resyncDoesNotReadFromASourceThatFailedWhileItListedItsExtents() {
    TestArray array = new TestArray(1, 3, SIZE, CHUNK, Latency.LATER);
    ArrayClient client = new ArrayClient(array, array.assemble());
    client.submit(0, 4096, 1);
    // Not so long that it is marked clean.
    array.scheduler.runUntilIdle();
    TestArray later = array.afterCut(1, false);
    SimulatedDevice source = later.devices.getFirst();
    source.inject(SimulatedFault.slow(50_000_000).on(Operation.EXTENTS).after(1));
    source.inject(SimulatedFault.failing(Errno.EIO).on(Operation.FLUSH));
    Mirror mirror = later.assemble();
    later.scheduler.runUntil(() -> extentsAskedTwice(source));
    List<DeviceEvent> readAfterFailure = new ArrayList<>();
    mirror.flush(failure ->
        source.listen((device, event) -> {
          if (event.is(DeviceEvent.Phase.SUBMITTED, Operation.READ)) {
            readAfterFailure.add(event);
          }
        }));
    later.scheduler.runUntilIdle();
    assertThat(readAfterFailure).as("I4").isEmpty();
    assertThat(later.dataOf(2)).isEqualTo(later.dataOf(1));
  }

  @Test
  void whatASourceSaysAfterItFailedIsNotAnswered() {
    TestArray array = new TestArray(1, 2, SIZE, CHUNK, Latency.LATER);
    ArrayClient client = new ArrayClient(array, array.assemble());
    client.submit(0, 4096, 1);
    // Not so long that it is marked clean.
    array.scheduler.runUntilIdle();
    TestArray later = array.afterCut(1, false);
    SimulatedDevice source = later.devices.getFirst();
    source.writeNow(DATA, sector(7));
    source.inject(SimulatedFault.slow(50_000_000).on(Operation.EXTENTS));
    Mirror mirror = later.assemble();
    source.inject(SimulatedFault.slow(20_000_000).on(Operation.READ));
    ByteBuf slow = Unpooled.directBuffer(512, 512);
    Outcome slowRead = new Outcome();
    mirror.read(0, slow, 0, 512, slowRead);
    mirror.membership().fail("member0", failure -> assertThat(failure).isNull());
    later.scheduler.advance(10_000_000);
    assertThat(new ArrayClient(later, mirror).readAtOnce(1, 0, 512).getFirst()).containsOnly(1);
    later.scheduler.runUntil(slowRead::done);
    assertThat(slow.getByte(0)).as("I4").isEqualTo((byte) 1);
  }

  private static boolean extentsAskedTwice(SimulatedDevice device) {
    return device.trace().stream()
            .filter(event -> event.is(DeviceEvent.Phase.SUBMITTED, Operation.EXTENTS))
            .count()
        >= 2;
  }

  /** A crash left the file an event ahead; then the array runs without it, and draws level. */
  @Test
  void aBitmapFileThatWasLeftOutOnceIsNotTrustedAgain() {
    TestArray array = TestArray.withBitmapFile(1, 2, SIZE, CHUNK);
    SimulatedDevice file = array.bitmapDevice();
    assertThat(file).isNotNull();
    advanceEvents(file);
    array.useBitmapFile(null);
    ArrayClient client = new ArrayClient(array, array.assemble());
    assertThat(client.write(5 * CHUNK, 4096, 1)).isNull();
    array.useBitmapFile(file);
    TestArray later = array.afterCut(1, false);
    assertThat(later.assemble().status().bitmap().dirtyChunks())
        .as("I10: chunks to be copied")
        .isEqualTo(SIZE / CHUNK);
  }

  private static void advanceEvents(SimulatedDevice file) {
    byte[] sector = file.readNow(0, 512);
    BitmapSuperblock superblock = BitmapSuperblock.wrap(ByteBuffer.wrap(sector));
    superblock.setEvents(superblock.events() + 1);
    file.writeNow(0, sector);
  }

  /** The second part of a request that its first part failed the member by. */
  @Test
  void aMemberThatFailsInTheMiddleOfARequestGetsNoMoreOfIt() {
    TestArray array =
        new TestArray(
            1, 2, SIZE, CHUNK, disk -> disk.withBlockBytes(4096).withLatency(Latency.INLINE));
    ArrayClient client = new ArrayClient(array, array.assemble());
    assertThat(client.write(0, 4 * 4096, 1)).isNull();
    SimulatedDevice device = array.devices.get(1);
    device.inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE).within(DATA, SIZE).once());
    long before = writesOf(device);
    @Nullable DeviceException failure = client.write(100, 3 * 4096, 2);
    assertThat(failure).isNull();
    assertThat(writesOf(device) - before).isEqualTo(1);
  }

  /** A replacement took itself for the only one in its slot when its original failed before it. */
  @Test
  void superblocksOfOneEventCountSayTheSameWhoeverFailsWhileTheyAreWritten() {
    TestArray array = new TestArray(1, 3, SIZE, CHUNK, Latency.INLINE);
    Mirror mirror = array.assemble();
    array
        .devices
        .get(1)
        .inject(
            SimulatedFault.failing(Errno.EIO).on(Operation.WRITE).within(4096, MdSuperblock.BYTES));
    Map<Long, Set<Integer>> said = new HashMap<>();
    for (int slot : new int[] {0, 2}) {
      array
          .devices
          .get(slot)
          .listen((device, event) -> {
            if (event.is(DeviceEvent.Phase.COMPLETED, Operation.WRITE)
                && event.offsetBytes() == 4096) {
              MdSuperblock superblock = array.superblock(slot);
              said.computeIfAbsent(superblock.events(), ignored -> new HashSet<>())
                  .add(superblock.role(1));
            }
          });
    }
    assertThat(new ArrayClient(array, mirror).write(0, 4096, 1)).isNull();
    assertThat(said.values()).hasSizeGreaterThan(1).allMatch(roles -> roles.size() == 1);
    assertThat(array.superblock(0).role(1)).isEqualTo(MdSuperblock.ROLE_FAULTY);
  }

  /** The other member answered at once, and that was what the stop had waited for. */
  @Test
  void aStopWaitsForTheMendingOfWhatTheLastReadFoundBad() {
    TestArray array =
        new TestArray(
            1,
            2,
            SIZE,
            CHUNK,
            disk ->
                disk.withLatency(disk.path().equals("member0") ? Latency.LATER : Latency.INLINE));
    Mirror mirror = array.assemble();
    SimulatedDevice device = array.devices.getFirst();
    device.inject(SimulatedFault.failing(Errno.EIO).on(Operation.READ).within(DATA, SIZE));
    ByteBuf target = Unpooled.directBuffer(4096);
    Outcome read = new Outcome();
    Outcome stop = new Outcome();
    mirror.read(0, target, 0, 4096, read);
    mirror.stop(stop);
    array.scheduler.runUntilIdle();
    assertThat(read.succeeded()).isTrue();
    assertThat(stop.succeeded()).isTrue();
    assertThat(device.trace())
        .as("it was mended")
        .anyMatch(event ->
            event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE) && event.offsetBytes() >= DATA);
    target.release();
  }

  private static long writesOf(SimulatedDevice device) {
    return device.trace().stream()
        .filter(event -> event.is(DeviceEvent.Phase.SUBMITTED, Operation.WRITE))
        .filter(event -> event.offsetBytes() >= DATA)
        .count();
  }

  private static byte[] sector(int value) {
    byte[] bytes = new byte[512];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }
}
