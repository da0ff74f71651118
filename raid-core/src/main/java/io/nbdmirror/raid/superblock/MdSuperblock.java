package io.nbdmirror.raid.superblock;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/**
 * The version 1.x superblock of a member ({@code struct mdp_superblock_1} of Linux's md_p.h), as a
 * view of its 4096 bytes: getters and setters go straight to the bytes, so nothing that is not
 * understood is lost when a superblock is written back. All numbers are little-endian; sizes and
 * offsets are in sectors of 512 bytes.
 *
 * <pre>
 *   0 magic          4 major_version   8 feature_map   12 pad0
 *  16 set_uuid[16]                    32 set_name[32]
 *  64 ctime         72 level          76 layout        80 size
 *  88 chunksize     92 raid_disks     96 bitmap_offset 100 new_level
 * 104 reshape_position               112 delta_disks   116 new_layout
 * 120 new_chunk    124 new_offset    128 data_offset   136 data_size
 * 144 super_offset 152 recovery_offset                 160 dev_number
 * 164 cnt_corrected_read             168 device_uuid[16]
 * 184 devflags     185 bblog_shift   186 bblog_size    188 bblog_offset
 * 192 utime        200 events        208 resync_offset 216 sb_csum
 * 220 max_dev      224 pad3[32]      256 dev_roles[max_dev] (u16 each)
 * </pre>
 *
 * Not thread-safe.
 */
public final class MdSuperblock {
  /** Bytes that are read and kept; what the kernel reads. */
  public static final int BYTES = 4096;

  public static final int SECTOR_BYTES = 512;
  public static final int MAGIC = 0xa92b4efc;

  public static final int FEATURE_BITMAP_OFFSET = 1;
  public static final int FEATURE_RECOVERY_OFFSET = 2;
  public static final int FEATURE_RESHAPE_ACTIVE = 4;
  public static final int FEATURE_BAD_BLOCKS = 8;
  public static final int FEATURE_REPLACEMENT = 16;
  public static final int FEATURE_RESHAPE_BACKWARDS = 32;
  public static final int FEATURE_NEW_OFFSET = 64;
  public static final int FEATURE_RECOVERY_BITMAP = 128;
  public static final int FEATURE_CLUSTERED = 256;
  public static final int FEATURE_JOURNAL = 512;
  public static final int FEATURE_PPL = 1024;
  public static final int FEATURE_MULTIPLE_PPLS = 2048;
  public static final int FEATURE_RAID0_LAYOUT = 4096;

  public static final int DEVFLAG_WRITE_MOSTLY = 1;
  public static final int DEVFLAG_FAIL_FAST = 2;

  /** Role of a spare, and of a member number that nobody holds. */
  public static final int ROLE_SPARE = 0xffff;

  public static final int ROLE_FAULTY = 0xfffe;
  public static final int ROLE_JOURNAL = 0xfffd;

  /** Roles below this are slots. */
  public static final int ROLE_SLOT_LIMIT = 0xff00;

  /** {@code resync_offset} of an array that is clean. */
  public static final long RESYNC_OFFSET_CLEAN = -1L;

  /** The most entries {@code dev_roles} may have. */
  public static final int MAX_DEV_LIMIT = 1920;

  private static final int AT_MAGIC = 0;
  private static final int AT_MAJOR_VERSION = 4;
  private static final int AT_FEATURE_MAP = 8;
  private static final int AT_SET_UUID = 16;
  private static final int AT_SET_NAME = 32;
  private static final int AT_CTIME = 64;
  private static final int AT_LEVEL = 72;
  private static final int AT_LAYOUT = 76;
  private static final int AT_SIZE = 80;
  private static final int AT_CHUNKSIZE = 88;
  private static final int AT_RAID_DISKS = 92;
  private static final int AT_BITMAP_OFFSET = 96;
  private static final int AT_NEW_LEVEL = 100;
  private static final int AT_RESHAPE_POSITION = 104;
  private static final int AT_DELTA_DISKS = 112;
  private static final int AT_NEW_LAYOUT = 116;
  private static final int AT_NEW_CHUNK = 120;
  private static final int AT_NEW_OFFSET = 124;
  private static final int AT_DATA_OFFSET = 128;
  private static final int AT_DATA_SIZE = 136;
  private static final int AT_SUPER_OFFSET = 144;
  private static final int AT_RECOVERY_OFFSET = 152;
  private static final int AT_DEV_NUMBER = 160;
  private static final int AT_CNT_CORRECTED_READ = 164;
  private static final int AT_DEVICE_UUID = 168;
  private static final int AT_DEVFLAGS = 184;
  private static final int AT_BBLOG_SHIFT = 185;
  private static final int AT_BBLOG_SIZE = 186;
  private static final int AT_BBLOG_OFFSET = 188;
  private static final int AT_UTIME = 192;
  private static final int AT_EVENTS = 200;
  private static final int AT_RESYNC_OFFSET = 208;
  private static final int AT_SB_CSUM = 216;
  private static final int AT_MAX_DEV = 220;
  private static final int AT_PAD3 = 224;
  private static final int AT_DEV_ROLES = 256;

  private static final int SET_NAME_BYTES = 32;
  private static final int PAD3_BYTES = 32;

  private final ByteBuffer bytes;

  private MdSuperblock(ByteBuffer bytes) {
    this.bytes = bytes.order(ByteOrder.LITTLE_ENDIAN);
  }

  /** A view of {@code bytes}, which must hold {@link #BYTES} bytes from index 0 on. */
  public static MdSuperblock wrap(ByteBuffer bytes) {
    if (bytes.capacity() < BYTES) {
      throw new IllegalArgumentException("a superblock needs 4096 bytes, not " + bytes.capacity());
    }
    return new MdSuperblock(bytes.duplicate());
  }

  /** All zeroes: not yet a superblock. */
  public static MdSuperblock blank() {
    return new MdSuperblock(ByteBuffer.allocate(BYTES));
  }

  /** The same bytes in memory of their own. */
  public MdSuperblock copy() {
    MdSuperblock copy = blank();
    copy.bytes.put(0, bytes, 0, BYTES);
    return copy;
  }

  /** Puts the first {@code length} bytes into {@code target} at {@code index}. */
  public void copyTo(ByteBuffer target, int index, int length) {
    target.put(index, bytes, 0, length);
  }

  public int magic() {
    return bytes.getInt(AT_MAGIC);
  }

  public void setMagic(int magic) {
    bytes.putInt(AT_MAGIC, magic);
  }

  public int majorVersion() {
    return bytes.getInt(AT_MAJOR_VERSION);
  }

  public void setMajorVersion(int majorVersion) {
    bytes.putInt(AT_MAJOR_VERSION, majorVersion);
  }

  public int featureMap() {
    return bytes.getInt(AT_FEATURE_MAP);
  }

  public void setFeatureMap(int featureMap) {
    bytes.putInt(AT_FEATURE_MAP, featureMap);
  }

  public boolean hasFeature(int feature) {
    return (featureMap() & feature) != 0;
  }

  public UUID setUuid() {
    return uuidAt(AT_SET_UUID);
  }

  public void setSetUuid(UUID uuid) {
    putUuid(AT_SET_UUID, uuid);
  }

  /** The array's name as it is stored: bare, or {@code host:name} as mdadm writes it. */
  public String setName() {
    byte[] name = new byte[SET_NAME_BYTES];
    bytes.get(AT_SET_NAME, name);
    int end = 0;
    while (end < name.length && name[end] != 0) {
      end++;
    }
    return new String(name, 0, end, StandardCharsets.UTF_8);
  }

  /**
   * @throws IllegalArgumentException when it takes more than 32 bytes of UTF-8
   */
  public void setSetName(String name) {
    byte[] encoded = name.getBytes(StandardCharsets.UTF_8);
    if (encoded.length > SET_NAME_BYTES) {
      throw new IllegalArgumentException(
          "the array name '" + name + "' takes more than 32 bytes of UTF-8");
    }
    bytes.put(AT_SET_NAME, new byte[SET_NAME_BYTES]);
    bytes.put(AT_SET_NAME, encoded);
  }

  /** Creation time: seconds since 1970 in the low 40 bits, microseconds in the high 24. */
  public long ctime() {
    return bytes.getLong(AT_CTIME);
  }

  public void setCtime(long ctime) {
    bytes.putLong(AT_CTIME, ctime);
  }

  public int level() {
    return bytes.getInt(AT_LEVEL);
  }

  public void setLevel(int level) {
    bytes.putInt(AT_LEVEL, level);
  }

  public int layout() {
    return bytes.getInt(AT_LAYOUT);
  }

  public void setLayout(int layout) {
    bytes.putInt(AT_LAYOUT, layout);
  }

  /** Sectors used on each member; for a mirror the size of the array. */
  public long size() {
    return bytes.getLong(AT_SIZE);
  }

  public void setSize(long sectors) {
    bytes.putLong(AT_SIZE, sectors);
  }

  /** Sectors; 0 for a mirror. */
  public int chunksize() {
    return bytes.getInt(AT_CHUNKSIZE);
  }

  public void setChunksize(int sectors) {
    bytes.putInt(AT_CHUNKSIZE, sectors);
  }

  public int raidDisks() {
    return bytes.getInt(AT_RAID_DISKS);
  }

  public void setRaidDisks(int raidDisks) {
    bytes.putInt(AT_RAID_DISKS, raidDisks);
  }

  /** Sectors from the superblock, may be negative; valid with {@link #FEATURE_BITMAP_OFFSET}. */
  public int bitmapOffset() {
    return bytes.getInt(AT_BITMAP_OFFSET);
  }

  public void setBitmapOffset(int sectors) {
    bytes.putInt(AT_BITMAP_OFFSET, sectors);
  }

  public int newLevel() {
    return bytes.getInt(AT_NEW_LEVEL);
  }

  public void setNewLevel(int newLevel) {
    bytes.putInt(AT_NEW_LEVEL, newLevel);
  }

  public long reshapePosition() {
    return bytes.getLong(AT_RESHAPE_POSITION);
  }

  public void setReshapePosition(long sectors) {
    bytes.putLong(AT_RESHAPE_POSITION, sectors);
  }

  public int deltaDisks() {
    return bytes.getInt(AT_DELTA_DISKS);
  }

  public void setDeltaDisks(int deltaDisks) {
    bytes.putInt(AT_DELTA_DISKS, deltaDisks);
  }

  public int newLayout() {
    return bytes.getInt(AT_NEW_LAYOUT);
  }

  public void setNewLayout(int newLayout) {
    bytes.putInt(AT_NEW_LAYOUT, newLayout);
  }

  public int newChunk() {
    return bytes.getInt(AT_NEW_CHUNK);
  }

  public void setNewChunk(int sectors) {
    bytes.putInt(AT_NEW_CHUNK, sectors);
  }

  public int newOffset() {
    return bytes.getInt(AT_NEW_OFFSET);
  }

  public void setNewOffset(int sectors) {
    bytes.putInt(AT_NEW_OFFSET, sectors);
  }

  /** Sectors from the start of the device to the first byte of data. */
  public long dataOffset() {
    return bytes.getLong(AT_DATA_OFFSET);
  }

  public void setDataOffset(long sectors) {
    bytes.putLong(AT_DATA_OFFSET, sectors);
  }

  /** Sectors that could hold data on this device. */
  public long dataSize() {
    return bytes.getLong(AT_DATA_SIZE);
  }

  public void setDataSize(long sectors) {
    bytes.putLong(AT_DATA_SIZE, sectors);
  }

  /** Sectors from the start of the device to this superblock. */
  public long superOffset() {
    return bytes.getLong(AT_SUPER_OFFSET);
  }

  public void setSuperOffset(long sectors) {
    bytes.putLong(AT_SUPER_OFFSET, sectors);
  }

  /** Sectors recovered so far; valid with {@link #FEATURE_RECOVERY_OFFSET}. */
  public long recoveryOffset() {
    return bytes.getLong(AT_RECOVERY_OFFSET);
  }

  public void setRecoveryOffset(long sectors) {
    bytes.putLong(AT_RECOVERY_OFFSET, sectors);
  }

  /** This device's permanent index into {@code dev_roles}. */
  public int devNumber() {
    return bytes.getInt(AT_DEV_NUMBER);
  }

  public void setDevNumber(int devNumber) {
    bytes.putInt(AT_DEV_NUMBER, devNumber);
  }

  public int cntCorrectedRead() {
    return bytes.getInt(AT_CNT_CORRECTED_READ);
  }

  public void setCntCorrectedRead(int count) {
    bytes.putInt(AT_CNT_CORRECTED_READ, count);
  }

  public UUID deviceUuid() {
    return uuidAt(AT_DEVICE_UUID);
  }

  public void setDeviceUuid(UUID uuid) {
    putUuid(AT_DEVICE_UUID, uuid);
  }

  public int devflags() {
    return bytes.get(AT_DEVFLAGS) & 0xff;
  }

  public void setDevflags(int devflags) {
    bytes.put(AT_DEVFLAGS, (byte) devflags);
  }

  public int bblogShift() {
    return bytes.get(AT_BBLOG_SHIFT) & 0xff;
  }

  public void setBblogShift(int shift) {
    bytes.put(AT_BBLOG_SHIFT, (byte) shift);
  }

  /** Sectors of the bad-block log. */
  public int bblogSize() {
    return bytes.getShort(AT_BBLOG_SIZE) & 0xffff;
  }

  public void setBblogSize(int sectors) {
    bytes.putShort(AT_BBLOG_SIZE, (short) sectors);
  }

  /** Sectors from the superblock to the bad-block log, may be negative. */
  public int bblogOffset() {
    return bytes.getInt(AT_BBLOG_OFFSET);
  }

  public void setBblogOffset(int sectors) {
    bytes.putInt(AT_BBLOG_OFFSET, sectors);
  }

  /** Time of the last update, packed as {@link #ctime()}. */
  public long utime() {
    return bytes.getLong(AT_UTIME);
  }

  public void setUtime(long utime) {
    bytes.putLong(AT_UTIME, utime);
  }

  public long events() {
    return bytes.getLong(AT_EVENTS);
  }

  public void setEvents(long events) {
    bytes.putLong(AT_EVENTS, events);
  }

  /** {@link #RESYNC_OFFSET_CLEAN}, or the sectors known to be the same on all members. */
  public long resyncOffset() {
    return bytes.getLong(AT_RESYNC_OFFSET);
  }

  public void setResyncOffset(long sectors) {
    bytes.putLong(AT_RESYNC_OFFSET, sectors);
  }

  public int sbCsum() {
    return bytes.getInt(AT_SB_CSUM);
  }

  public int maxDev() {
    return bytes.getInt(AT_MAX_DEV);
  }

  public void setMaxDev(int maxDev) {
    bytes.putInt(AT_MAX_DEV, maxDev);
  }

  /** Whether all reserved bytes are zero, as the kernel demands. */
  public boolean padIsZero() {
    for (int i = 0; i < PAD3_BYTES; i++) {
      if (bytes.get(AT_PAD3 + i) != 0) {
        return false;
      }
    }
    return true;
  }

  /**
   * Role of member number {@code devNumber}; {@link #ROLE_SPARE} for a number past {@code max_dev}.
   */
  public int role(int devNumber) {
    return devNumber >= 0 && devNumber < maxDev()
        ? bytes.getShort(AT_DEV_ROLES + 2 * devNumber) & 0xffff
        : ROLE_SPARE;
  }

  public void setRole(int devNumber, int role) {
    if (devNumber < 0 || devNumber >= maxDev()) {
      throw new IllegalArgumentException(
          "member number " + devNumber + " is past max_dev " + maxDev());
    }
    bytes.putShort(AT_DEV_ROLES + 2 * devNumber, (short) role);
  }

  /**
   * Makes every role a spare's, and with them the bytes to the end of the page, as mdadm does
   * before it fills in the members.
   */
  public void clearRoles() {
    for (int at = AT_DEV_ROLES; at < BYTES; at++) {
      bytes.put(at, (byte) 0xff);
    }
  }

  /** Bytes the checksum covers: the fixed part and the roles. */
  public int usedBytes() {
    return AT_DEV_ROLES + 2 * maxDev();
  }

  /**
   * The checksum of the bytes as they are now (md.c, {@code calc_sb_1_csum}); {@code max_dev} must
   * not be past {@link #MAX_DEV_LIMIT}.
   */
  public int computeChecksum() {
    int used = usedBytes();
    long sum = 0;
    int at = 0;
    for (; at + 4 <= used; at += 4) {
      if (at != AT_SB_CSUM) {
        sum += bytes.getInt(at) & 0xffffffffL;
      }
    }
    if (at < used) {
      sum += bytes.getShort(at) & 0xffff;
    }
    return (int) ((sum & 0xffffffffL) + (sum >>> 32));
  }

  /** Stores the checksum of the bytes as they are now; the last step before writing. */
  public void updateChecksum() {
    bytes.putInt(AT_SB_CSUM, computeChecksum());
  }

  /** Packs microseconds since 1970 the way {@code ctime} and {@code utime} hold a time. */
  public static long packTime(long micros) {
    return (micros / 1_000_000 & 0xff_ffff_ffffL) | (micros % 1_000_000) << 40;
  }

  /** Microseconds since 1970 from a packed time. */
  public static long unpackTime(long packed) {
    return (packed & 0xff_ffff_ffffL) * 1_000_000 + (packed >>> 40);
  }

  private UUID uuidAt(int at) {
    ByteBuffer bigEndian = bytes.duplicate().order(ByteOrder.BIG_ENDIAN);
    return new UUID(bigEndian.getLong(at), bigEndian.getLong(at + 8));
  }

  private void putUuid(int at, UUID uuid) {
    ByteBuffer bigEndian = bytes.duplicate().order(ByteOrder.BIG_ENDIAN);
    bigEndian.putLong(at, uuid.getMostSignificantBits());
    bigEndian.putLong(at + 8, uuid.getLeastSignificantBits());
  }
}
