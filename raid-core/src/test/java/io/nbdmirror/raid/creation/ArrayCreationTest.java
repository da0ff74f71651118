package io.nbdmirror.raid.creation;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.vectors.Vectors;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ArrayCreationTest {
  private static final int METADATA_BYTES = 1 << 20;

  private final SimulatedScheduler scheduler = new SimulatedScheduler(7);
  private int answers;
  private @Nullable CreationException failure;

  private SimulatedDevice device(String path) {
    return device(path, 512);
  }

  private SimulatedDevice device(String path, int blockBytes) {
    SimulatedDisk disk =
        SimulatedDisk.of(path, Vectors.SNAPSHOT_MEMBER_BYTES).withBlockBytes(blockBytes);
    return new SimulatedDevice(disk, scheduler, 11);
  }

  private static NewArray array(int minor, List<UUID> devices) {
    UUID uuid = UUID.fromString("7187e93d-c738-72fe-a140-fd64b557889c");
    return new NewArray("guest:ref", uuid, minor, 0, true, 0, 5, 0, false, devices);
  }

  private void create(NewArray array, boolean force, @Nullable SimulatedDevice... devices) {
    List<ArrayCreation.@Nullable NewMember> slots = new ArrayList<>();
    for (SimulatedDevice device : devices) {
      slots.add(device == null ? null : new ArrayCreation.NewMember(device, false));
    }
    failure = null;
    ArrayCreation.create(
        array,
        slots,
        force,
        scheduler,
        (layout, problem) -> {
          answers++;
          failure = problem;
        });
    scheduler.runUntilIdle();
    assertThat(answers).isEqualTo(1);
  }

  private static List<UUID> uuids(int count) {
    List<UUID> uuids = new ArrayList<>();
    for (int slot = 0; slot < count; slot++) {
      uuids.add(new UUID(99, slot));
    }
    return uuids;
  }

  /**
   * What is compared was stored a second after mdadm had written it; by then the kernel had counted
   * events to 17, moved utime on, and finished the first resync. Everything else is the same.
   */
  @ParameterizedTest
  @CsvSource({"vda,0", "vdb,1"})
  void writesWhatMdadmCreateWrites(String disk, int slot) {
    byte[] theirs =
        Arrays.copyOf(Vectors.bytes("A1-justcreated." + disk + ".head.gz"), METADATA_BYTES);
    MdSuperblock superblock = MdSuperblock.wrap(ByteBuffer.wrap(theirs, 4096, 4096).slice());
    SimulatedDevice[] devices = {device("a"), device("b")};
    List<UUID> uuids = new ArrayList<>(uuids(2));
    uuids.set(slot, superblock.deviceUuid());
    create(array(2, uuids), false, devices);
    assertThat(failure).isNull();

    byte[] ours = devices[slot].readDurable(0, METADATA_BYTES);
    MdSuperblock own = MdSuperblock.wrap(ByteBuffer.wrap(ours, 4096, 4096).slice());
    assertThat(own.events()).isZero();
    assertThat(own.resyncOffset()).isZero();
    assertThat(own.computeChecksum()).isEqualTo(own.sbCsum());
    own.setEvents(17);
    own.setCtime(superblock.ctime());
    own.setUtime(superblock.utime());
    own.setResyncOffset(MdSuperblock.RESYNC_OFFSET_CLEAN);
    own.updateChecksum();
    BitmapSuperblock.wrap(ByteBuffer.wrap(ours, 8192, 4096).slice()).setEvents(17);
    assertThat(Arrays.mismatch(ours, theirs)).isEqualTo(-1);
  }

  @Test
  void aMissingMemberIsASlotNobodyHolds() {
    SimulatedDevice present = device("a");
    create(array(2, uuids(2)), false, null, present);

    MdSuperblock superblock = superblockOf(present);
    assertThat(failure).isNull();
    assertThat(superblock.raidDisks()).isEqualTo(2);
    assertThat(superblock.devNumber()).isEqualTo(1);
    assertThat(superblock.role(0)).isEqualTo(MdSuperblock.ROLE_SPARE);
    assertThat(superblock.role(1)).isEqualTo(1);
  }

  @Test
  void onBlocksOf4096BytesNothingBesideTheSuperblockIsTorn() {
    SimulatedDevice present = device("a", 4096);
    create(array(2, uuids(1)), false, present);

    assertThat(failure).isNull();
    assertThat(superblockOf(present).computeChecksum()).isEqualTo(superblockOf(present).sbCsum());
  }

  private static MdSuperblock superblockOf(SimulatedDevice device) {
    return MdSuperblock.wrap(ByteBuffer.wrap(device.readDurable(4096, 4096)));
  }

  static void put(SimulatedDevice device, long offsetBytes, byte[] bytes) {
    int sector = (int) (offsetBytes % 512);
    byte[] whole = new byte[(sector + bytes.length + 511) / 512 * 512];
    byte[] before = device.readNow(offsetBytes - sector, whole.length);
    System.arraycopy(before, 0, whole, 0, whole.length);
    System.arraycopy(bytes, 0, whole, sector, bytes.length);
    device.writeNow(offsetBytes - sector, whole);
  }

  @ParameterizedTest(name = "{2} at {0}")
  @CsvSource({
    "1080, 'S\u00ef', 'an ext2 filesystem'",
    "0, 'XFSB', 'an XFS filesystem'",
    "65600, '_BHRfS_M', 'a btrfs filesystem'",
    "4086, 'SWAPSPACE2', 'a swap area'",
    "512, 'LABELONE', 'an LVM2 physical volume'",
    "0, 'LUKS\u00ba\u00be', 'a LUKS volume'",
    "3, 'NTFS    ', 'an NTFS filesystem'",
    "82, 'FAT32   ', 'a FAT filesystem'",
    "32769, 'CD001', 'an ISO 9660 filesystem'",
    "0, 'hsqs', 'a squashfs filesystem'",
    "1024, '\u0010 \u00f5\u00f2', 'an F2FS filesystem'",
    "512, 'EFI PART', 'a partition table (GPT)'",
    "67108352, 'EFI PART', 'a partition table (GPT backup)'",
    "510, 'U\u00aa', 'a boot sector'",
    "4096, '\u00fcN+\u00a9\u0001', 'an md superblock (version 1.2)'",
    "0, '\u00fcN+\u00a9\u0001', 'an md superblock (version 1.1)'",
    "67100672, '\u00fcN+\u00a9\u0001', 'an md superblock (version 1.0)'",
    "67043328, '\u00fcN+\u00a9', 'an md superblock (version 0.90)'"
  })
  void whatAMemberCarriesIsNamedAndNothingIsWritten(long at, String magic, String what) {
    SimulatedDevice clean = device("clean");
    SimulatedDevice carrier = device("carrier");
    put(carrier, at, magic.getBytes(StandardCharsets.ISO_8859_1));
    create(array(2, uuids(2)), false, clean, carrier);

    assertThat(failure)
        .hasMessageContaining("carrier carries " + what + " at byte ")
        .hasMessageContaining("--force");
    assertThat(changes(clean)).isZero();
    assertThat(changes(carrier)).isZero();
  }

  private static long changes(SimulatedDevice device) {
    return device.trace().stream().filter(event -> event.operation() != Operation.READ).count();
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 4096, 67_100_672, 67_043_328})
  void forceLeavesOnlyTheNewSuperblock(long oldAt) {
    SimulatedDevice carrier = device("carrier");
    put(carrier, oldAt, "\u00fcN+\u00a9\u0001".getBytes(StandardCharsets.ISO_8859_1));
    put(carrier, 510, new byte[] {0x55, (byte) 0xaa});
    create(array(2, uuids(1)), true, carrier);
    assertThat(failure).isNull();

    List<String> left = new ArrayList<>();
    SignatureProbe.probe(carrier, (found, problem) -> found.forEach(each -> left.add(each.what())));
    scheduler.runUntilIdle();
    assertThat(left).containsExactly("an md superblock (version 1.2)");
  }

  @Test
  void forceKeepsAFilesystemThatWillBeTheArraysData() {
    SimulatedDevice carrier = device("carrier");
    put(carrier, 0, "XFSB".getBytes(StandardCharsets.ISO_8859_1));
    create(array(0, uuids(1)), true, carrier);

    assertThat(failure).isNull();
    assertThat(carrier.readDurable(0, 512)).startsWith('X', 'F', 'S', 'B');
  }

  @Test
  void noSuperblockIsWrittenUntilEveryBitmapIsDurable() {
    SimulatedDevice first = device("a");
    SimulatedDevice second = device("b");
    second.inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE).within(8192, 4096));
    create(array(2, uuids(2)), false, first, second);

    assertThat(failure).hasMessageContaining("of b").hasMessageContaining("no member has");
    assertThat(superblockOf(first).magic()).isZero();
  }

  @Test
  void aFailureMidwayNamesWhoHasASuperblock() {
    SimulatedDevice first = device("a");
    SimulatedDevice second = device("b");
    second.inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE).within(4096, 512));
    create(array(2, uuids(2)), false, first, second);

    assertThat(failure)
        .hasMessageContaining("superblocks were written to (a, b)")
        .hasMessageContaining("zero-superblock");
  }

  @Test
  void whatWasCreatedCanBeErasedOnce() {
    for (int minor = 0; minor <= 2; minor++) {
      SimulatedDevice device = device("a");
      answers = 0;
      create(array(minor, uuids(1)), false, device);
      assertThat(failure).isNull();

      assertThat(erase(device)).hasSize(2).first().asString().contains("version 1." + minor);
      assertThat(erase(device)).containsExactly("a carries no md superblock: nothing was erased");
      List<Signature> left = new ArrayList<>();
      SignatureProbe.probe(device, (found, problem) -> left.addAll(found));
      scheduler.runUntilIdle();
      assertThat(left).isEmpty();
      assertThat(device.hasUnflushedWrites()).isFalse();
    }
  }

  private List<String> erase(SimulatedDevice device) {
    List<String> said = new ArrayList<>();
    SuperblockErasure.erase(
        device,
        (erased, problem) -> {
          said.addAll(erased);
          if (problem != null) {
            said.add(String.valueOf(problem.getMessage()));
          }
        });
    scheduler.runUntilIdle();
    return said;
  }
}
