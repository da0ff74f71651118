package io.nbdmirror.raid.superblock;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.raid.vectors.Vectors;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class MdSuperblockVectorTest {
  private static final int OFFSET_BYTES = 4096;
  private static final int WRITTEN_BYTES = 512;

  static List<String> members() {
    return Vectors.members();
  }

  static List<String> snapshots() {
    return Vectors.snapshots();
  }

  private static byte[] stored(String member) {
    byte[] page = new byte[MdSuperblock.BYTES];
    System.arraycopy(Vectors.bytes(member), OFFSET_BYTES, page, 0, page.length);
    return page;
  }

  @ParameterizedTest
  @MethodSource("members")
  void decodesWithTheRightChecksum(String member) {
    MdSuperblock superblock = MdSuperblock.wrap(ByteBuffer.wrap(stored(member)));

    assertThat(superblock.magic()).isEqualTo(MdSuperblock.MAGIC);
    assertThat(superblock.computeChecksum()).isEqualTo(superblock.sbCsum());
    assertThat(superblock.usedBytes()).isEqualTo(WRITTEN_BYTES);
    assertThat(SuperblockCheck.problemOf(superblock, member, 8, Vectors.memberBytes(member)))
        .isNull();
  }

  @ParameterizedTest
  @MethodSource("members")
  void encodesAgainFromItsFieldsToTheSameBytes(String member) {
    byte[] stored = stored(member);
    MdSuperblock from = MdSuperblock.wrap(ByteBuffer.wrap(stored));
    MdSuperblock to = MdSuperblock.blank();
    if (stored[MdSuperblock.BYTES - 1] != 0) {
      to.clearRoles();
    }
    copyArray(from, to);
    copyReshape(from, to);
    copyDevice(from, to);
    to.updateChecksum();

    byte[] encoded = new byte[MdSuperblock.BYTES];
    to.copyTo(ByteBuffer.wrap(encoded), 0, encoded.length);
    assertThat(encoded).isEqualTo(stored);
  }

  private static void copyArray(MdSuperblock from, MdSuperblock to) {
    to.setMagic(from.magic());
    to.setMajorVersion(from.majorVersion());
    to.setFeatureMap(from.featureMap());
    to.setSetUuid(from.setUuid());
    to.setSetName(from.setName());
    to.setCtime(from.ctime());
    to.setLevel(from.level());
    to.setLayout(from.layout());
    to.setSize(from.size());
    to.setChunksize(from.chunksize());
    to.setRaidDisks(from.raidDisks());
    to.setBitmapOffset(from.bitmapOffset());
    to.setUtime(from.utime());
    to.setEvents(from.events());
    to.setResyncOffset(from.resyncOffset());
    to.setMaxDev(from.maxDev());
    for (int number = 0; number < from.maxDev(); number++) {
      to.setRole(number, from.role(number));
    }
  }

  private static void copyReshape(MdSuperblock from, MdSuperblock to) {
    to.setNewLevel(from.newLevel());
    to.setReshapePosition(from.reshapePosition());
    to.setDeltaDisks(from.deltaDisks());
    to.setNewLayout(from.newLayout());
    to.setNewChunk(from.newChunk());
    to.setNewOffset(from.newOffset());
  }

  private static void copyDevice(MdSuperblock from, MdSuperblock to) {
    to.setDataOffset(from.dataOffset());
    to.setDataSize(from.dataSize());
    to.setSuperOffset(from.superOffset());
    to.setRecoveryOffset(from.recoveryOffset());
    to.setDevNumber(from.devNumber());
    to.setCntCorrectedRead(from.cntCorrectedRead());
    to.setDeviceUuid(from.deviceUuid());
    to.setDevflags(from.devflags());
    to.setBblogShift(from.bblogShift());
    to.setBblogSize(from.bblogSize());
    to.setBblogOffset(from.bblogOffset());
  }

  @ParameterizedTest
  @MethodSource("snapshots")
  void saysWhatMdadmSaid(String snapshot) {
    for (String disk : List.of("vda", "vdb")) {
      Map<String, String> said = Vectors.said(snapshot, "mdadm -E /dev/" + disk);
      MdSuperblock superblock =
          MdSuperblock.wrap(ByteBuffer.wrap(stored(snapshot + "." + disk + ".head.gz")));

      assertThat(said).as("mdadm -E in %s.txt", snapshot).isNotEmpty();
      assertThat(said.get("Magic")).isEqualTo(Integer.toHexString(superblock.magic()));
      assertThat(said.get("Feature Map"))
          .isEqualTo("0x" + Integer.toHexString(superblock.featureMap()));
      assertThat(said.get("Name")).startsWith(superblock.setName());
      assertThat(said.get("Raid Devices")).isEqualTo("" + superblock.raidDisks());
      assertThat(said.get("Avail Dev Size")).startsWith(superblock.dataSize() + " sectors");
      assertThat(said.get("Array Size")).startsWith(superblock.size() / 2 + " KiB");
      assertThat(said.get("Data Offset")).isEqualTo(superblock.dataOffset() + " sectors");
      assertThat(said.get("Super Offset")).isEqualTo(superblock.superOffset() + " sectors");
      assertThat(said.get("Events")).isEqualTo("" + superblock.events());
      assertThat(said.get("State"))
          .isEqualTo(
              superblock.resyncOffset() == MdSuperblock.RESYNC_OFFSET_CLEAN ? "clean" : "active");
      assertThat(said.get("Checksum"))
          .isEqualTo(Integer.toHexString(superblock.sbCsum()) + " - correct");
      assertThat(said.get("Array UUID")).isEqualTo(grouped(superblock.setUuid()));
      assertThat(said.get("Device UUID")).isEqualTo(grouped(superblock.deviceUuid()));
      assertThat(said.get("Device Role"))
          .isEqualTo("Active device " + superblock.role(superblock.devNumber()));
    }
  }

  private static String grouped(UUID uuid) {
    HexFormat hex = HexFormat.of();
    String digits =
        hex.toHexDigits(uuid.getMostSignificantBits())
            + hex.toHexDigits(uuid.getLeastSignificantBits());
    return digits.replaceAll("(.{8})(?!$)", "$1:");
  }
}
