package io.nbdmirror.raid.assembly;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.TestArray;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which members make up an array, and in what state it starts (I3, I10). */
class AssemblyTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;

  private final TestArray array = new TestArray(3, 2, SIZE, CHUNK);

  @Test
  void aMemberOneEventBehindIsInSync() {
    change(0, superblock -> superblock.setEvents(11));
    setBitmapEvents(11);
    assertThat(roles(array.assemble())).containsOnly(ArrayStatus.Role.IN_SYNC);
  }

  /** Else the next update, cut before it reaches the one that is behind, leaves that one out. */
  @Test
  void aMemberOneEventBehindIsBroughtLevelBeforeTheCountGoesOn() {
    change(
        0,
        superblock -> {
          superblock.setEvents(11);
          superblock.setResyncOffset(0);
        });
    setBitmapEvents(11);
    array.assemble();
    int[] cuts = {0};
    for (SimulatedDevice device : array.devices) {
      device.listen((ignored, event) -> {
        if (event.is(DeviceEvent.Phase.COMPLETED, Operation.WRITE)) {
          TestArray later = array.afterCut(++cuts[0], true);
          assertThat(roles(later.assemble())).containsOnly(ArrayStatus.Role.IN_SYNC);
        }
      });
    }
    array.scheduler.advance(5_000_000_000L);
    assertThat(cuts[0]).isGreaterThan(5);
    assertThat(array.superblock(1).events()).isGreaterThan(11);
  }

  @Test
  void aStaleMemberIsLeftOutAndOnlyWithLeave() {
    change(0, superblock -> superblock.setEvents(12));
    setBitmapEvents(12);
    assertThat(array.refusal(array.devices, false))
        .hasMessageContaining("member1 is left out: it is stale, its event count 10 is behind 12")
        .hasMessageContaining("--degraded");
    assertThat(roles(array.assemble(array.devices, true)))
        .containsExactly(ArrayStatus.Role.IN_SYNC, ArrayStatus.Role.MISSING);
  }

  @ParameterizedTest
  @ValueSource(ints = {128, 0xff00, Integer.MIN_VALUE})
  void aMemberWithANumberThatNoOtherHasRoomForIsLeftOut(int number) {
    change(1, superblock -> superblock.setDevNumber(number));
    Mirror mirror = array.assemble(array.devices, true);
    array.scheduler.runUntilIdle();
    assertThat(roles(mirror)).containsExactly(ArrayStatus.Role.IN_SYNC, ArrayStatus.Role.MISSING);
    assertThat(array.superblock(0).role(1)).as("I3").isEqualTo(MdSuperblock.ROLE_SPARE);
  }

  @Test
  void anAbsentMemberIsRecordedAsOutBeforeAnythingElseIsWritten() {
    array.assemble(List.of(array.devices.getFirst()), true);
    array.scheduler.runUntilIdle();
    MdSuperblock survivor = array.superblock(0);
    assertThat(survivor.events()).as("I3").isEqualTo(12);
    assertThat(survivor.role(1)).as("I3").isEqualTo(MdSuperblock.ROLE_SPARE);
  }

  @Test
  void anArrayRecordedAsDegradedStartsWithoutLeave() {
    change(0, superblock -> superblock.setRole(1, MdSuperblock.ROLE_SPARE));
    Mirror mirror = array.assemble(List.of(array.devices.getFirst()), false);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.DEGRADED);
  }

  @Test
  void halvesThatEachRanAloneAreASplit() {
    change(
        0,
        superblock -> {
          superblock.setRole(1, MdSuperblock.ROLE_SPARE);
          superblock.setEvents(100);
        });
    change(
        1,
        superblock -> {
          superblock.setRole(0, MdSuperblock.ROLE_FAULTY);
          superblock.setEvents(14);
        });
    assertThat(array.refusal(array.devices, true))
        .hasMessageContaining("is split")
        .hasMessageContaining("member0")
        .hasMessageContaining("member1");
  }

  /**
   * A crash in the middle of recording a failure left one member ahead of the other, which then ran
   * alone and drew level: it alone has what was written since.
   */
  @Test
  void ofTwoEquallyFreshTheOneThatTheOtherCallsOutIsLeftOut() {
    change(1, superblock -> superblock.setRole(0, MdSuperblock.ROLE_FAULTY));
    for (boolean reversed : new boolean[] {false, true}) {
      TestArray again = array.afterCut(1, false);
      Mirror mirror = again.assemble(reversed ? again.devices.reversed() : again.devices, true);
      assertThat(mirror.status().members())
          .extracting(ArrayStatus.Member::role)
          .as("I10")
          .containsExactly(ArrayStatus.Role.MISSING, ArrayStatus.Role.IN_SYNC);
    }
  }

  @Test
  void aMemberThatTheFreshestCallsOutIsLeftOut() {
    change(
        0,
        superblock -> {
          superblock.setRole(1, MdSuperblock.ROLE_FAULTY);
          superblock.setEvents(12);
        });
    setBitmapEvents(12);
    assertThat(roles(array.assemble()))
        .containsExactly(ArrayStatus.Role.IN_SYNC, ArrayStatus.Role.MISSING);
  }

  @Test
  void aBadChecksumIsAsGoodAsStale() {
    damage(1, 4096 + 100);
    assertThat(array.refusal(array.devices, false))
        .hasMessageContaining("member1")
        .hasMessageContaining("checksum")
        .hasMessageContaining("--degraded");
    assertThat(roles(array.assemble(array.devices, true)))
        .containsExactly(ArrayStatus.Role.IN_SYNC, ArrayStatus.Role.MISSING);
  }

  @Test
  void membersOfTwoArraysAreRefusedByName() {
    change(1, superblock -> superblock.setSetUuid(new UUID(1, 2)));
    assertThat(array.refusal(array.devices, true))
        .hasMessageContaining("member0 belongs to array test")
        .hasMessageContaining("00000000-0000-0001-0000-000000000002");
  }

  @Test
  void aCopyOfAMemberIsRefused() {
    change(
        1,
        superblock -> {
          superblock.setDevNumber(0);
          superblock.setDeviceUuid(new UUID(7, 0));
        });
    assertThat(array.refusal(array.devices, true)).hasMessageContaining("the same member");
  }

  @Test
  void anUnknownFeatureIsRefused() {
    change(1, superblock -> superblock.setFeatureMap(1 | 1 << 20));
    assertThat(array.refusal(array.devices, true))
        .hasMessageContaining("member1 uses an md feature that is not supported")
        .hasMessageContaining("0x100000");
  }

  @Test
  void aNewerFormatIsRefused() {
    change(1, superblock -> superblock.setMajorVersion(2));
    assertThat(array.refusal(array.devices, true)).hasMessageContaining("version 2");
  }

  @Test
  void aTruncatedMemberIsRefused() {
    change(1, superblock -> superblock.setDataSize(SIZE / 512 + 8));
    assertThat(array.refusal(array.devices, true)).hasMessageContaining("truncated");
  }

  @Test
  void anotherArraysBitmapIsRefused() {
    byte[] page = array.devices.getFirst().readNow(TestArray.BITMAP_OFFSET_BYTES, 4096);
    page[8] ^= 1;
    putBitmap(page);
    assertThat(array.refusal(array.devices, true)).hasMessageContaining("belongs to array");
  }

  @Test
  void aRefusalWritesNothing() {
    List<DeviceEvent> changes = new ArrayList<>();
    for (SimulatedDevice device : array.devices) {
      device.listen((ignored, event) -> {
        if (event.operation() != Operation.READ) {
          changes.add(event);
        }
      });
    }
    array.refusal(List.of(array.devices.getFirst()), false);
    array.refusal(List.of(array.devices.getFirst(), array.devices.getFirst()), true);
    assertThat(changes).isEmpty();
  }

  @Test
  void aStaleBitmapHasEveryBitSetOnEveryCopyBeforeItsEventsCatchUp() {
    unclean();
    change(0, superblock -> superblock.setEvents(11));
    change(1, superblock -> superblock.setEvents(11));
    for (SimulatedDevice device : array.devices) {
      device.listen((ignored, event) -> {
        long events = bitmapEvents(device);
        if (events > 10) {
          assertThat(TestArray.bit(device, 15)).as("stale bitmap trusted").isTrue();
        }
      });
    }
    Mirror mirror = array.assemble();
    array.scheduler.runUntilIdle();
    assertThat(mirror.status().sync().copiedBytes()).isZero();
    assertThat(bitmapEvents(array.devices.getFirst())).isGreaterThan(11);
  }

  @Test
  void anUnreadableCopyOfTheBitmapGivesWayToTheNext() {
    unclean();
    byte[] page = array.devices.get(1).readNow(TestArray.BITMAP_OFFSET_BYTES, 4096);
    page[256] = 4;
    putBitmap(page);
    array
        .devices
        .getFirst()
        .inject(
            SimulatedFault.failing(Errno.EIO)
                .on(Operation.READ)
                .within(TestArray.BITMAP_OFFSET_BYTES, 4096));
    assertThat(array.assemble().status().bitmap().dirtyChunks()).isEqualTo(1);
  }

  @Test
  void aBitmapNobodyCanReadCountsAsAllSet() {
    unclean();
    damage(0, TestArray.BITMAP_OFFSET_BYTES);
    damage(1, TestArray.BITMAP_OFFSET_BYTES);
    ArrayStatus status = array.assemble().status();
    assertThat(status.bitmap().dirtyChunks()).isEqualTo(status.bitmap().chunks());
  }

  private static List<ArrayStatus.Role> roles(Mirror mirror) {
    return mirror.status().members().stream().map(ArrayStatus.Member::role).toList();
  }

  private void unclean() {
    change(0, superblock -> superblock.setResyncOffset(0));
    change(1, superblock -> superblock.setResyncOffset(0));
  }

  private void change(int slot, Consumer<MdSuperblock> how) {
    MdSuperblock superblock = array.superblock(slot).copy();
    how.accept(superblock);
    array.putSuperblock(array.devices.get(slot), superblock);
  }

  private void damage(int slot, long offsetBytes) {
    long sector = offsetBytes / 512 * 512;
    byte[] bytes = array.devices.get(slot).readNow(sector, 512);
    bytes[(int) (offsetBytes - sector)] ^= 0x40;
    array.put(array.devices.get(slot), sector, ByteBuffer.allocateDirect(512).put(bytes).flip());
  }

  private void setBitmapEvents(long events) {
    byte[] page = array.devices.getFirst().readNow(TestArray.BITMAP_OFFSET_BYTES, 4096);
    page[24] = (byte) events;
    putBitmap(page);
  }

  private void putBitmap(byte[] page) {
    for (SimulatedDevice device : array.devices) {
      array.put(
          device, TestArray.BITMAP_OFFSET_BYTES, ByteBuffer.allocateDirect(4096).put(page).flip());
    }
  }

  private static long bitmapEvents(SimulatedDevice device) {
    return device.readNow(TestArray.BITMAP_OFFSET_BYTES, 512)[24];
  }
}
