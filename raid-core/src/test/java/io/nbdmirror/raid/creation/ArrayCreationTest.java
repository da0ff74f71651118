package io.nbdmirror.raid.creation;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.nbdmirror.raid.creation.ArrayCreation.Slot;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.SuperblockReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ArrayCreationTest {
  private static final long MIB = 1 << 20;
  private static final long NOW_MICROS = 1_800_000_000_123_456L;
  private static final UUID ARRAY = new UUID(0x0123456789abcdefL, 0x0011223344556677L);

  private final SimulatedScheduler loop = new SimulatedScheduler(11);
  private final SimulatedDevice first = device("/m0");
  private final SimulatedDevice second = device("/m1");

  private SimulatedDevice device(String path) {
    return new SimulatedDevice(SimulatedDisk.of(path, 64 * MIB), loop, 5);
  }

  private static NewArray array(int minor, boolean bitmap, boolean clean, int members) {
    List<UUID> uuids = new ArrayList<>();
    for (int each = 0; each < members; each++) {
      uuids.add(new UUID(0xd, each));
    }
    NewArray.Bitmap kind = bitmap ? NewArray.Bitmap.INTERNAL : NewArray.Bitmap.NONE;
    return new NewArray("data", ARRAY, minor, 0, kind, 0, 5, bitmap ? 9 : 0, clean, uuids);
  }

  private static NewArray usual() {
    return array(2, true, false, 2);
  }

  private boolean preallocate;

  private @Nullable Exception create(NewArray array, boolean force, Slot... slots) {
    AtomicReference<@Nullable Exception> answer = new AtomicReference<>();
    int[] answers = {0};
    ArrayCreation.create(
        array,
        List.of(slots),
        force,
        preallocate,
        NOW_MICROS,
        (layout, failure) -> {
          answers[0]++;
          answer.set(failure);
          assertThat(layout == null).isEqualTo(failure != null);
        });
    loop.runUntilIdle();
    assertThat(answers[0]).isOne();
    return answer.get();
  }

  @Test
  void theRoomOfTheDataIsTakenAndZeroedBeforehandIfAsked() {
    first.writeNow(1 << 20, new byte[512]);
    preallocate = true;
    assertThat(create(usual(), false, slot(first), slot(second))).isNull();
    MdSuperblock made = superblock(first, 4096);
    for (SimulatedDevice device : List.of(first, second)) {
      assertThat(device.trace())
          .anyMatch(event ->
              event.is(DeviceEvent.Phase.COMPLETED, Operation.WRITE_ZEROES)
                  && event.offsetBytes() == made.dataOffset() * 512
                  && event.lengthBytes() == made.size() * 512);
      List<Extent> holes = new ArrayList<>();
      device.extents(
          made.dataOffset() * 512,
          made.size() * 512,
          (extents, failure) -> extents.stream().filter(Extent::hole).forEach(holes::add));
      loop.runUntilIdle();
      assertThat(holes).isEmpty();
    }
  }

  private static Slot slot(@Nullable SimulatedDevice device) {
    return new Slot(device, false);
  }

  private static MdSuperblock superblock(SimulatedDevice device, long at) {
    return MdSuperblock.wrap(ByteBuffer.wrap(device.readDurable(at, MdSuperblock.BYTES)));
  }

  private static byte[] ofMdadm() throws IOException {
    try (InputStream in =
            ArrayCreationTest.class.getResourceAsStream(
                "/io/nbdmirror/raid/vectors/A1-justcreated.vda.head.gz");
        InputStream plain = new GZIPInputStream(Objects.requireNonNull(in))) {
      return plain.readAllBytes();
    }
  }

  @Test
  void writesTheVeryBytesThatMdadmWrites() throws IOException {
    byte[] expected = ofMdadm();
    MdSuperblock theirs = MdSuperblock.wrap(ByteBuffer.wrap(expected, 4096, 4096).slice());
    NewArray array =
        new NewArray(
            theirs.setName(),
            theirs.setUuid(),
            2,
            0,
            NewArray.Bitmap.INTERNAL,
            0,
            5,
            0,
            false,
            List.of(theirs.deviceUuid(), new UUID(0, 1)));
    AtomicReference<@Nullable Exception> answer = new AtomicReference<>();
    ArrayCreation.create(
        array,
        List.of(slot(first), slot(second)),
        false,
        false,
        MdSuperblock.unpackTime(theirs.ctime()),
        (layout, failure) -> answer.set(failure));
    loop.runUntilIdle();
    assertThat(answer.get()).isNull();

    // The kernel had started the array, resynced it and stopped counting at 17 before the copy.
    MdSuperblock ours = superblock(first, 4096).copy();
    assertThat(ours.events()).isZero();
    assertThat(ours.resyncOffset()).isZero();
    assertThat(ours.utime()).isEqualTo(ours.ctime());
    ours.setEvents(theirs.events());
    ours.setResyncOffset(theirs.resyncOffset());
    ours.setUtime(theirs.utime());
    ours.updateChecksum();
    byte[] actual = first.readDurable(0, expected.length);
    ours.copyTo(ByteBuffer.wrap(actual), 4096, MdSuperblock.BYTES);
    BitmapSuperblock bitmap = BitmapSuperblock.wrap(ByteBuffer.wrap(actual, 8192, 256).slice());
    assertThat(bitmap.events()).isZero();
    bitmap.setEvents(theirs.events());
    bitmap.copyTo(ByteBuffer.wrap(actual), 8192);
    assertThat(actual).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void everyVersionIsFoundAgainWhereItBelongs(int minor) {
    assertThat(create(array(minor, true, false, 2), false, slot(first), slot(second))).isNull();
    SuperblockReader.read(
        second,
        (superblock, failure) -> {
          assertThat(failure).isNull();
          MdSuperblock found = Objects.requireNonNull(superblock);
          assertThat(found.superOffset())
              .isEqualTo(SuperblockReader.superOffset(minor, second.sizeBytes()));
          assertThat(found.devNumber()).isOne();
          assertThat(found.role(0)).isZero();
          assertThat(found.role(1)).isOne();
          assertThat(found.setName()).isEqualTo("data");
          byte[] bitmap =
              second.readDurable((found.superOffset() + found.bitmapOffset()) * 512, 4096);
          assertThat(BitmapSuperblock.wrap(ByteBuffer.wrap(bitmap)).uuid()).isEqualTo(ARRAY);
          assertThat(BitmapSuperblock.wrap(ByteBuffer.wrap(bitmap)).writeBehind()).isEqualTo(9);
          assertThat(Arrays.copyOfRange(bitmap, 256, 4096)).containsOnly(0xff);
        });
    loop.runUntilIdle();
  }

  @Test
  void aMissingMemberLeavesItsSlotEmpty() {
    Slot writeMostly = new Slot(second, true);
    assertThat(create(usual(), false, slot(null), writeMostly)).isNull();
    MdSuperblock found = superblock(second, 4096);
    assertThat(found.raidDisks()).isEqualTo(2);
    assertThat(found.devNumber()).isOne();
    assertThat(found.role(0)).isEqualTo(MdSuperblock.ROLE_SPARE);
    assertThat(found.role(1)).isOne();
    assertThat(found.devflags()).isEqualTo(MdSuperblock.DEVFLAG_WRITE_MOSTLY);
  }

  @Test
  void membersSaidToBeTheSameAreClean() {
    assertThat(create(array(2, true, true, 1), false, slot(first))).isNull();
    assertThat(superblock(first, 4096).resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
  }

  @Test
  void withoutABitmapNoneIsWritten() {
    assertThat(create(array(2, false, false, 1), false, slot(first))).isNull();
    assertThat(superblock(first, 4096).featureMap()).isZero();
    assertThat(first.readDurable(8192, 4096)).containsOnly(0);
  }

  @Test
  void theSuperblockOfEachMemberIsWrittenLast() {
    assertThat(create(usual(), false, slot(first), slot(second))).isNull();
    List<DeviceEvent> changes =
        first.trace().stream().filter(each -> each.operation().changes()).toList();
    assertThat(changes).allMatch(DeviceEvent::fua);
    assertThat(changes.getLast().offsetBytes()).isEqualTo(4096);
    assertThat(changes.getLast().operation()).isEqualTo(Operation.WRITE);
    assertThat(first.hasUnflushedWrites()).isFalse();
  }

  @Test
  void nothingIsWrittenWhenTheLastMemberCarriesSomething() {
    byte[] block = new byte[512];
    byte[] magic = "_BHRfS_M".getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(magic, 0, block, 64, magic.length);
    second.writeNow(65536, block);
    assertThat(create(usual(), false, slot(first), slot(second)))
        .isInstanceOf(CreationException.class)
        .hasMessage("/m1 already carries a btrfs filesystem: give --force to overwrite it");
    assertThat(first.readNow(0, 1 << 20)).containsOnly(0);
    assertThat(create(usual(), true, slot(first), slot(second))).isNull();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void forceLeavesNoSuperblockOfAnOlderArray(int older) {
    assertThat(create(array(older, true, false, 1), false, slot(first))).isNull();
    assertThat(create(usual(), false, slot(first), slot(second)))
        .hasMessageContaining("/m0 already carries an md superblock (version 1." + older + ")");
    for (int newer = 0; newer <= 2; newer++) {
      assertThat(create(array(newer, true, false, 2), true, slot(first), slot(second))).isNull();
      List<Signature> found = new ArrayList<>();
      SignatureProbe.probe(first, (signatures, failure) -> found.addAll(signatures));
      loop.runUntilIdle();
      assertThat(found.stream().filter(Signature::md).map(Signature::what))
          .containsExactly("an md superblock (version 1." + newer + ")");
    }
  }

  @Test
  void aMemberThatCannotBeReadIsToldBeforeAnyIsWritten() {
    second.disappear();
    assertThat(create(usual(), false, slot(first), slot(second)))
        .isInstanceOf(DeviceException.class)
        .hasMessageContaining("/m1");
    assertThat(first.readNow(0, 1 << 20)).containsOnly(0);
  }

  @Test
  void aBitmapThatCannotBeWrittenLeavesNoSuperblockAnywhere() {
    second.inject(SimulatedFault.failing(Errno.ENOSPC).on(Operation.WRITE).within(8192, 4096));
    assertThat(create(usual(), false, slot(first), slot(second)))
        .isInstanceOf(DeviceException.class)
        .hasMessageContaining("/m1");
    assertThat(first.readNow(4096, 4096)).containsOnly(0);
  }

  @Test
  void aFailureMidwaySaysWhichMembersWereMade() {
    second.inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE).within(4096, 4096));
    assertThat(create(usual(), false, slot(first), slot(second)))
        .isInstanceOf(DeviceException.class)
        .hasMessageContaining("nbdmirror zero-superblock /m0'");
  }

  @Test
  void allMissingIsRefused() {
    assertThat(create(usual(), false, slot(null), slot(null)))
        .hasMessage("all members are missing: at least one must be there");
  }
}
