package io.nbdmirror.nbd.serve;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * A sparse file laid out as a member of a clean array of two, by hand, so that the tests of serving
 * do not stand on the code that creates arrays.
 */
public record MemberFixture(Path path, String setName, int slot) {
  public static final long DATA_BYTES = 4 << 20;
  static final int DATA_OFFSET_BYTES = 1 << 20;
  private static final int SUPERBLOCK_AT = 4096;
  private static final int BITMAP_AT = 8192;
  private static final int SECTOR_BYTES = 512;

  /** Writes both members of an array into a folder, as NAME-0 and NAME-1. */
  public static MemberFixture[] pair(Path folder, String setName) throws IOException {
    String file = setName.replace(':', '-');
    return new MemberFixture[] {
      new MemberFixture(folder.resolve(file + "-0"), setName, 0).write(),
      new MemberFixture(folder.resolve(file + "-1"), setName, 1).write()
    };
  }

  static UUID uuidOf(String setName) {
    return UUID.nameUUIDFromBytes(setName.getBytes(StandardCharsets.UTF_8));
  }

  private MemberFixture write() throws IOException {
    try (FileChannel file = FileChannel.open(path, CREATE, READ, WRITE)) {
      file.write(ByteBuffer.allocate(1), DATA_OFFSET_BYTES + DATA_BYTES - 1);
      ByteBuffer bitmapBytes = ByteBuffer.allocate(4096);
      bitmap().copyTo(bitmapBytes, 0);
      file.write(bitmapBytes, BITMAP_AT);
    }
    put(superblock());
    return this;
  }

  private BitmapSuperblock bitmap() {
    BitmapSuperblock bitmap = BitmapSuperblock.blank();
    bitmap.setMagic(BitmapSuperblock.MAGIC);
    bitmap.setVersion(BitmapSuperblock.VERSION_LITTLE_ENDIAN);
    bitmap.setUuid(uuidOf(setName));
    bitmap.setEvents(10);
    bitmap.setEventsCleared(10);
    bitmap.setSyncSize(DATA_BYTES / SECTOR_BYTES);
    bitmap.setChunksize(65536);
    bitmap.setDaemonSleep(5);
    return bitmap;
  }

  private MdSuperblock superblock() {
    MdSuperblock superblock = MdSuperblock.blank();
    superblock.setMagic(MdSuperblock.MAGIC);
    superblock.setMajorVersion(1);
    superblock.setFeatureMap(MdSuperblock.FEATURE_BITMAP_OFFSET);
    superblock.setSetUuid(uuidOf(setName));
    superblock.setSetName(setName);
    superblock.setLevel(1);
    superblock.setSize(DATA_BYTES / SECTOR_BYTES);
    superblock.setRaidDisks(2);
    superblock.setBitmapOffset((BITMAP_AT - SUPERBLOCK_AT) / SECTOR_BYTES);
    superblock.setDataOffset(DATA_OFFSET_BYTES / SECTOR_BYTES);
    superblock.setDataSize(DATA_BYTES / SECTOR_BYTES);
    superblock.setSuperOffset(SUPERBLOCK_AT / SECTOR_BYTES);
    superblock.setDevNumber(slot);
    superblock.setDeviceUuid(new UUID(7, slot));
    superblock.setEvents(10);
    superblock.setResyncOffset(MdSuperblock.RESYNC_OFFSET_CLEAN);
    superblock.setMaxDev(128);
    for (int number = 0; number < 128; number++) {
      superblock.setRole(number, number < 2 ? number : MdSuperblock.ROLE_SPARE);
    }
    superblock.updateChecksum();
    return superblock;
  }

  /** Changes the superblock and gives it a right checksum. */
  void edit(Consumer<MdSuperblock> change) throws IOException {
    MdSuperblock superblock = read();
    change.accept(superblock);
    superblock.updateChecksum();
    put(superblock);
  }

  /** Changes the superblock and leaves the checksum as it was. */
  void damage() throws IOException {
    MdSuperblock superblock = read();
    superblock.setEvents(superblock.events() + 1);
    put(superblock);
  }

  public MdSuperblock read() throws IOException {
    try (FileChannel file = FileChannel.open(path, READ)) {
      ByteBuffer bytes = ByteBuffer.allocate(MdSuperblock.BYTES);
      file.read(bytes, SUPERBLOCK_AT);
      return MdSuperblock.wrap(bytes);
    }
  }

  private void put(MdSuperblock superblock) throws IOException {
    try (FileChannel file = FileChannel.open(path, WRITE)) {
      ByteBuffer bytes = ByteBuffer.allocate(MdSuperblock.BYTES);
      superblock.copyTo(bytes, 0, MdSuperblock.BYTES);
      file.write(bytes, SUPERBLOCK_AT);
    }
  }
}
