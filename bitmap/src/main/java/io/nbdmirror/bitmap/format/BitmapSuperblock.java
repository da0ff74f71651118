package io.nbdmirror.bitmap.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The 256 bytes at the head of a write-intent bitmap ({@code bitmap_super_t} of Linux's
 * md-bitmap.h), as a view of the bytes: getters and setters go straight to them. All numbers are
 * little-endian.
 *
 * <pre>
 *  0 magic          4 version        8 uuid[16]
 * 24 events        32 events_cleared
 * 40 sync_size (sectors)            48 state
 * 52 chunksize (bytes)              56 daemon_sleep (seconds)
 * 60 write_behind  64 sectors_reserved
 * 68 nodes         72 cluster_name[64]   136 pad[120]
 * </pre>
 *
 * Not thread-safe.
 */
public final class BitmapSuperblock {
  /** Bytes it takes; the bits begin right behind it. */
  public static final int BYTES = 256;

  /** "bitm". */
  public static final int MAGIC = 0x6d746962;

  public static final int VERSION_HOST_ENDIAN = 3;

  /** The version mdadm and we create: little-endian bits. */
  public static final int VERSION_LITTLE_ENDIAN = 4;

  public static final int VERSION_CLUSTERED = 5;
  public static final int VERSION_LOCKLESS = 6;

  public static final int STATE_STALE = 0x2;
  public static final int STATE_WRITE_ERROR = 0x4;

  /** The most outstanding writes behind that fit a chunk's counter. */
  public static final int MAX_WRITE_BEHIND = 16383;

  private static final int SECTOR_BYTES = 512;

  /** More are not worth reading: a bitmap of 128 MiB. */
  private static final long MAX_CHUNKS = 1L << 30;

  private static final int AT_MAGIC = 0;
  private static final int AT_VERSION = 4;
  private static final int AT_UUID = 8;
  private static final int AT_EVENTS = 24;
  private static final int AT_EVENTS_CLEARED = 32;
  private static final int AT_SYNC_SIZE = 40;
  private static final int AT_STATE = 48;
  private static final int AT_CHUNKSIZE = 52;
  private static final int AT_DAEMON_SLEEP = 56;
  private static final int AT_WRITE_BEHIND = 60;
  private static final int AT_SECTORS_RESERVED = 64;
  private static final int AT_NODES = 68;
  private static final int AT_CLUSTER_NAME = 72;

  private static final int CLUSTER_NAME_BYTES = 64;

  private final ByteBuffer bytes;

  private BitmapSuperblock(ByteBuffer bytes) {
    this.bytes = bytes.order(ByteOrder.LITTLE_ENDIAN);
  }

  /** A view of {@code bytes}, which must hold {@link #BYTES} bytes from index 0 on. */
  public static BitmapSuperblock wrap(ByteBuffer bytes) {
    if (bytes.capacity() < BYTES) {
      throw new IllegalArgumentException(
          "a bitmap superblock needs 256 bytes, not " + bytes.capacity());
    }
    return new BitmapSuperblock(bytes.duplicate());
  }

  /** All zeroes: not yet a bitmap superblock. */
  public static BitmapSuperblock blank() {
    return new BitmapSuperblock(ByteBuffer.allocate(BYTES));
  }

  /** Puts the 256 bytes into {@code target} at {@code index}. */
  public void copyTo(ByteBuffer target, int index) {
    target.put(index, bytes, 0, BYTES);
  }

  public int magic() {
    return bytes.getInt(AT_MAGIC);
  }

  public void setMagic(int magic) {
    bytes.putInt(AT_MAGIC, magic);
  }

  public int version() {
    return bytes.getInt(AT_VERSION);
  }

  public void setVersion(int version) {
    bytes.putInt(AT_VERSION, version);
  }

  /** The array's UUID. */
  public UUID uuid() {
    ByteBuffer bigEndian = bytes.duplicate().order(ByteOrder.BIG_ENDIAN);
    return new UUID(bigEndian.getLong(AT_UUID), bigEndian.getLong(AT_UUID + 8));
  }

  public void setUuid(UUID uuid) {
    ByteBuffer bigEndian = bytes.duplicate().order(ByteOrder.BIG_ENDIAN);
    bigEndian.putLong(AT_UUID, uuid.getMostSignificantBits());
    bigEndian.putLong(AT_UUID + 8, uuid.getLeastSignificantBits());
  }

  /** The array's event count when this superblock was last written. */
  public long events() {
    return bytes.getLong(AT_EVENTS);
  }

  public void setEvents(long events) {
    bytes.putLong(AT_EVENTS, events);
  }

  /** The array's event count when a bit may last have been cleared. */
  public long eventsCleared() {
    return bytes.getLong(AT_EVENTS_CLEARED);
  }

  public void setEventsCleared(long events) {
    bytes.putLong(AT_EVENTS_CLEARED, events);
  }

  /** Sectors the bits stand for. */
  public long syncSize() {
    return bytes.getLong(AT_SYNC_SIZE);
  }

  public void setSyncSize(long sectors) {
    bytes.putLong(AT_SYNC_SIZE, sectors);
  }

  public int state() {
    return bytes.getInt(AT_STATE);
  }

  public void setState(int state) {
    bytes.putInt(AT_STATE, state);
  }

  /** Bytes of the array that one bit stands for; unsigned. */
  public long chunksize() {
    return bytes.getInt(AT_CHUNKSIZE) & 0xffffffffL;
  }

  public void setChunksize(long chunkBytes) {
    bytes.putInt(AT_CHUNKSIZE, (int) chunkBytes);
  }

  /** Seconds between passes of the clearing daemon. */
  public int daemonSleep() {
    return bytes.getInt(AT_DAEMON_SLEEP);
  }

  public void setDaemonSleep(int seconds) {
    bytes.putInt(AT_DAEMON_SLEEP, seconds);
  }

  public int writeBehind() {
    return bytes.getInt(AT_WRITE_BEHIND);
  }

  public void setWriteBehind(int outstanding) {
    bytes.putInt(AT_WRITE_BEHIND, outstanding);
  }

  /** Sectors set aside for the bitmap; 0 when unknown, as mdadm writes it. */
  public int sectorsReserved() {
    return bytes.getInt(AT_SECTORS_RESERVED);
  }

  public void setSectorsReserved(int sectors) {
    bytes.putInt(AT_SECTORS_RESERVED, sectors);
  }

  public int nodes() {
    return bytes.getInt(AT_NODES);
  }

  public void setNodes(int nodes) {
    bytes.putInt(AT_NODES, nodes);
  }

  /** Name of the cluster that shares the array; empty for all others. */
  public String clusterName() {
    byte[] name = new byte[CLUSTER_NAME_BYTES];
    bytes.get(AT_CLUSTER_NAME, name);
    int end = 0;
    while (end < name.length && name[end] != 0) {
      end++;
    }
    return new String(name, 0, end, StandardCharsets.UTF_8);
  }

  /**
   * @throws IllegalArgumentException when it takes more than 64 bytes of UTF-8
   */
  public void setClusterName(String name) {
    byte[] encoded = name.getBytes(StandardCharsets.UTF_8);
    if (encoded.length > CLUSTER_NAME_BYTES) {
      throw new IllegalArgumentException(
          "the cluster name '" + name + "' takes more than 64 bytes of UTF-8");
    }
    bytes.put(AT_CLUSTER_NAME, new byte[CLUSTER_NAME_BYTES]);
    bytes.put(AT_CLUSTER_NAME, encoded);
  }

  /** Why the bits behind this superblock can't be read; null when they can. */
  public @Nullable String problem() {
    if (magic() != MAGIC) {
      return "it does not begin with a bitmap's magic number";
    }
    if (version() == VERSION_LOCKLESS) {
      return "it is a lockless one (llbitmap, version 6), which only newer Linux kernels use";
    }
    if (version() < VERSION_HOST_ENDIAN || version() > VERSION_CLUSTERED) {
      return "its version " + version() + " is not supported";
    }
    if (Long.bitCount(chunksize()) != 1 || chunksize() < SECTOR_BYTES) {
      return "its chunk of " + chunksize() + " bytes is no power of two from 512 up";
    }
    if (syncSize() <= 0 || syncSize() > Long.MAX_VALUE / SECTOR_BYTES) {
      return "it stands for " + Long.toUnsignedString(syncSize()) + " sectors";
    }
    if ((syncSize() * SECTOR_BYTES - 1) / chunksize() >= MAX_CHUNKS) {
      return "its chunk of " + chunksize() + " bytes is too small for " + syncSize() + " sectors";
    }
    return null;
  }
}
