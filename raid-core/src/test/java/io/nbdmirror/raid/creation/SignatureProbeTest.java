package io.nbdmirror.raid.creation;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

final class SignatureProbeTest {
  private static final int SIZE = 4 << 20;

  private final SimulatedScheduler loop = new SimulatedScheduler(3);
  private final SimulatedDevice device = new SimulatedDevice(SimulatedDisk.of("/m", SIZE), loop, 4);

  private void put(long at, byte[] bytes) {
    long from = at & -512;
    int length = (int) ((at + bytes.length + 511 & -512) - from);
    byte[] blocks = device.readNow(from, length);
    System.arraycopy(bytes, 0, blocks, (int) (at - from), bytes.length);
    device.writeNow(from, blocks);
  }

  private void putHex(long at, String hex) {
    put(at, HexFormat.of().parseHex(hex));
  }

  private List<String> found() {
    List<String> what = new ArrayList<>();
    SignatureProbe.probe(
        device,
        (signatures, failure) -> {
          assertThat(failure).isNull();
          signatures.forEach(each -> what.add(each.what()));
        });
    loop.runUntilIdle();
    assertThat(device.trace()).noneMatch(each -> each.operation().changes());
    return what;
  }

  static Stream<KnownSignatures.Known> table() {
    return KnownSignatures.ALL.stream();
  }

  @ParameterizedTest
  @MethodSource("table")
  void everyRowOfTheTableIsRecognisedAlone(KnownSignatures.Known known) {
    long at = known.offsetBytes() < 0 ? SIZE + known.offsetBytes() : known.offsetBytes();
    put(at, known.magic().getBytes(StandardCharsets.ISO_8859_1));
    assertThat(found()).containsExactly(known.what());
  }

  /** The places and bytes that util-linux and the filesystems' own headers give. */
  @ParameterizedTest
  @CsvSource({
    "0, 58465342, an XFS filesystem",
    "65600, 5f42485266535f4d, a btrfs filesystem",
    "4086, 53574150535041434532, a swap area",
    "512, 4c4142454c4f4e45, an LVM2 physical volume",
    "0, 4c554b53babe, a LUKS volume",
    "3, 4e54465320202020, an NTFS filesystem",
    "82, 4641543332202020, a FAT filesystem",
    "32769, 4344303031, an ISO 9660 filesystem",
    "0, 68737173, a squashfs filesystem",
    "1024, 1020f5f2, an F2FS filesystem",
    "4120, c68573f666ce90a9d96a60cf803df7ef, a bcachefs filesystem",
    "512, 4546492050415254, a partition table (GPT)",
    "4193792, 4546492050415254, a partition table (GPT backup)",
  })
  void signaturesAreWhereOthersPutThem(long at, String hex, String what) {
    putHex(at, hex);
    assertThat(found()).containsExactly(what);
  }

  @ParameterizedTest
  @CsvSource({
    "4096, 01000000, 1.2",
    "0, 01000000, 1.1",
    "4186112, 01000000, 1.0",
    "4128768, 00000000, 0.90",
    "4096, 02000000, 2",
  })
  void anMdSuperblockOfAnyVersionIsRecognised(long at, String major, String version) {
    putHex(at, "fc4e2ba9" + major);
    assertThat(found()).containsExactly("an md superblock (version " + version + ")");
  }

  @ParameterizedTest
  @CsvSource({
    "00000000, 00000000, an ext2 filesystem",
    "04000000, 00000000, an ext3 filesystem",
    "04000000, 40000000, an ext4 filesystem",
    "00000000, 08000000, an ext4 journal",
  })
  void extFilesystemsAreToldApart(String compatible, String incompatible, String what) {
    putHex(1080, "53ef");
    putHex(1116, compatible + incompatible);
    assertThat(found()).containsExactly(what);
  }

  @Test
  void aPartitionTableIsToldFromABootSector() {
    putHex(510, "55aa");
    assertThat(found()).containsExactly("a boot sector");
    putHex(446, "80202100830000000008000000000100");
    assertThat(found()).containsExactly("a partition table (MBR)");
    putHex(446, "00000200ee0000000100000000000100");
    assertThat(found()).containsExactly("a protective partition table (MBR of a GPT)");
  }

  @Test
  void aBootSectorOfAFilesystemIsNamedForTheFilesystemOnly() {
    putHex(510, "55aa");
    put(3, "NTFS    ".getBytes(StandardCharsets.ISO_8859_1));
    assertThat(found()).containsExactly("an NTFS filesystem");
  }

  @Test
  void aZfsLabelIsRecognised() {
    putHex(128 << 10, "0cb1ba0000000000");
    assertThat(found()).containsExactly("a ZFS volume");
  }

  @Test
  void zeroesAndOnesCarryNothing() {
    assertThat(found()).isEmpty();
    byte[] ones = new byte[SIZE];
    Arrays.fill(ones, (byte) 0xff);
    device.writeNow(0, ones);
    assertThat(found()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"0", "512", "4096", "8192", "65536"})
  void smallDevicesAreLookedAtToo(int bytes) {
    SimulatedDevice small = new SimulatedDevice(SimulatedDisk.of("/s", bytes), loop, 4);
    List<Signature> found = new ArrayList<>();
    SignatureProbe.probe(small, (signatures, failure) -> found.addAll(signatures));
    loop.runUntilIdle();
    assertThat(found).isEmpty();
  }

  @Test
  void aDeviceThatCannotBeReadIsAFailure() {
    device.disappear();
    AtomicReference<@Nullable DeviceException> answer = new AtomicReference<>();
    SignatureProbe.probe(device, (signatures, failure) -> answer.set(failure));
    loop.runUntilIdle();
    assertThat(answer.get()).hasMessageContaining("/m");
    assertThat(device.trace()).allMatch(each -> each.operation() == Operation.READ);
  }
}
