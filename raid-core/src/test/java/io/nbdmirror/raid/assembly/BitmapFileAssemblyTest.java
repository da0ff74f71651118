package io.nbdmirror.raid.assembly;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.TestArray;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * When a bitmap in a file is trusted, when every chunk counts as written to, when it is refused.
 */
class BitmapFileAssemblyTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;

  private final TestArray array = TestArray.withBitmapFile(3, 2, SIZE, CHUNK);
  private final SimulatedDevice file = Objects.requireNonNull(array.bitmapDevice());

  /** Members are at event 10, full of data that differs, not stopped cleanly; bits 3 and 9. */
  @BeforeEach
  void uncleanWithTwoBits() {
    for (SimulatedDevice device : array.devices) {
      ByteBuffer data = ByteBuffer.allocateDirect(SIZE);
      byte fill = (byte) (device.path().equals("member0") ? 'P' : 'Q');
      for (int at = 0; at < SIZE; at++) {
        data.put(at, fill);
      }
      array.put(device, TestArray.DATA_OFFSET_BYTES, data);
    }
    changeMembers(superblock -> superblock.setResyncOffset(0));
    ByteBuffer page = ByteBuffer.allocateDirect(512).put(file.readNow(0, 512)).flip();
    page.put(257, (byte) 2);
    page.put(256, (byte) 8);
    array.put(file, 0, page);
  }

  @Test
  void aGoodOneGuidesTheResync() {
    assertThat(copied(array.assemble())).isEqualTo(2 * CHUNK);
  }

  @ParameterizedTest
  @CsvSource({"9, true", "10, false", "11, false", "12, true", "1000, true"})
  void itsEventsMustBeTheMembersOrOneMore(long events, boolean stale) {
    change(superblock -> superblock.setEvents(events));
    assertThat(copied(array.assemble())).as("I10").isEqualTo(stale ? SIZE : 2 * CHUNK);
  }

  @Test
  void oneMarkedStaleIsStale() {
    change(superblock -> superblock.setState(BitmapSuperblock.STATE_STALE));
    assertThat(copied(array.assemble())).isEqualTo(SIZE);
    assertThat(superblock().state()).as("good again").isZero();
  }

  @Test
  void oneForAnotherSizeIsStale() {
    change(superblock -> superblock.setSyncSize(SIZE / 512 - 8));
    assertThat(copied(array.assemble())).isEqualTo(SIZE);
    assertThat(superblock().syncSize()).isEqualTo(SIZE / 512);
  }

  @Test
  void aStaleOneHasEveryBitBeforeItsEventsCatchUp() {
    change(superblock -> superblock.setEvents(3));
    file.listen((device, event) -> {
      if (event.is(DeviceEvent.Phase.COMPLETED, Operation.WRITE) && superblock().events() >= 10) {
        assertThat(file.readNow(0, 512)[256]).as("I10").isEqualTo((byte) 0xff);
      }
    });
    array.assemble();
    array.scheduler.runUntil(() -> superblock().events() >= 10);
  }

  @Test
  void oneInHostOrderIsConverted() {
    change(superblock -> superblock.setVersion(BitmapSuperblock.VERSION_HOST_ENDIAN));
    assertThat(copied(array.assemble())).isEqualTo(2 * CHUNK);
    assertThat(superblock().version()).isEqualTo(BitmapSuperblock.VERSION_LITTLE_ENDIAN);
  }

  @ParameterizedTest
  @CsvSource({"5, cluster", "6, lockless", "7, version 7 is not known"})
  void oneOfAnotherVersionIsRefusedByName(int version, String name) {
    change(superblock -> superblock.setVersion(version));
    assertThat(refusal()).contains("bitmap in bitmap cannot be used").contains(name);
  }

  @Test
  void anotherArraysIsRefused() {
    change(superblock -> superblock.setUuid(new UUID(1, 2)));
    assertThat(refusal()).contains("belongs to array 00000000-0000-0001-0000-000000000002");
  }

  @Test
  void whatIsNoBitmapIsRefused() {
    change(superblock -> superblock.setMagic(0));
    assertThat(refusal()).contains("magic number");
  }

  @Test
  void oneThatEndsEarlyIsRefused() {
    TestArray larger = TestArray.withBitmapFile(3, 2, 4 * SIZE, CHUNK);
    SimulatedDevice tooShort = Objects.requireNonNull(larger.bitmapDevice());
    ByteBuffer page = ByteBuffer.allocateDirect(512).put(tooShort.readNow(0, 512)).flip();
    BitmapSuperblock.wrap(page).setChunksize(512);
    larger.put(tooShort, 0, page);
    assertThat(larger.refusal(larger.devices, false))
        .hasMessageContaining("bitmap is too short: it has 512 bytes")
        .hasMessageContaining("takes 1280");
  }

  @Test
  void anEmptyFileIsRefused() {
    array.useBitmapFile(new SimulatedDevice(SimulatedDisk.of("empty", 0), array.scheduler, 1));
    assertThat(refusal()).contains("empty is no bitmap file: it has 0 bytes");
  }

  @Test
  void oneBesideABitmapOnTheMembersIsRefused() {
    changeMembers(superblock -> {
      superblock.setFeatureMap(MdSuperblock.FEATURE_BITMAP_OFFSET);
      superblock.setBitmapOffset(8);
    });
    assertThat(refusal()).contains("keeps its write-intent bitmap on its members");
  }

  @Test
  void aRefusalWritesNothing() {
    change(superblock -> superblock.setUuid(new UUID(1, 2)));
    int requests = file.trace().size();
    refusal();
    assertThat(file.trace().stream().skip(requests))
        .allMatch(event -> event.operation() == Operation.READ);
  }

  @Test
  void oneThatCannotBeReadIsRefusedWithWhatToDo() {
    file.inject(SimulatedFault.failing(Errno.EIO).on(Operation.READ));
    assertThat(refusal()).contains("bitmap").contains("start without --bitmap");
  }

  /** md's hole H2: the file fails, data goes on, the file comes back after a crash. */
  @Test
  void oneThatFailedAndCameBackIsNotTrusted() {
    Mirror mirror = array.assemble();
    array.scheduler.runUntilIdle();
    write(mirror, 0);
    file.inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE));
    write(mirror, 5);
    assertThat(mirror.status().bitmap().kind()).isEqualTo(ArrayStatus.BitmapKind.KICKED);
    TestArray later = array.afterCut(1, false);
    SimulatedDevice back = Objects.requireNonNull(later.bitmapDevice());
    assertThat(TestArray.bit(later.devices.getFirst(), 0)).isFalse();
    assertThat(back.readNow(0, 512)[48]).as("the mark never reached it").isZero();
    later.put(later.devices.get(1), TestArray.DATA_OFFSET_BYTES + 5 * CHUNK, garbage());
    Mirror again = later.assemble();
    later.scheduler.runUntilIdle();
    assertThat(later.dataOf(1)).as("H2, I6").isEqualTo(later.dataOf(0));
    assertThat(again.status().sync().copiedBytes()).isEqualTo(SIZE);
  }

  private static ByteBuffer garbage() {
    return ByteBuffer.allocateDirect(512).put(0, (byte) 'X');
  }

  private void write(Mirror mirror, int chunk) {
    ByteBuf data = Unpooled.directBuffer(512, 512).writeZero(512);
    mirror.write(
        (long) chunk * CHUNK, data, 0, 512, false, failure -> assertThat(failure).isNull());
    array.scheduler.runUntilIdle();
  }

  private long copied(Mirror mirror) {
    array.scheduler.runUntilIdle();
    return mirror.status().sync().copiedBytes();
  }

  private String refusal() {
    return String.valueOf(array.refusal(array.devices, false).getMessage());
  }

  private BitmapSuperblock superblock() {
    return BitmapSuperblock.wrap(ByteBuffer.wrap(file.readNow(0, 512)));
  }

  private void change(Consumer<BitmapSuperblock> how) {
    ByteBuffer page = ByteBuffer.allocateDirect(512).put(file.readNow(0, 512)).flip();
    how.accept(BitmapSuperblock.wrap(page));
    array.put(file, 0, page);
  }

  private void changeMembers(Consumer<MdSuperblock> how) {
    for (int slot = 0; slot < 2; slot++) {
      MdSuperblock superblock = array.superblock(slot).copy();
      how.accept(superblock);
      array.putSuperblock(array.devices.get(slot), superblock);
    }
  }
}
