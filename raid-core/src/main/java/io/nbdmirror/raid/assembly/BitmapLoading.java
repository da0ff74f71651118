package io.nbdmirror.raid.assembly;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the internal bitmap from a member in sync, from the next when that copy is unreadable
 * (I10). A bitmap that is behind the members, or marked stale, or unreadable everywhere, has every
 * bit set.
 */
final class BitmapLoading {
  /** Told once; exactly one of the two is not null. */
  @FunctionalInterface
  interface Completion {
    void completed(@Nullable BitmapPages pages, @Nullable AssemblyException failure);
  }

  private static final Logger log = LoggerFactory.getLogger(BitmapLoading.class);
  private static final int DEFAULT_DAEMON_SLEEP_SECONDS = 5;
  private static final long DEFAULT_CHUNK_BYTES = 64L << 20;

  private final Members members;
  private final String name;
  private final UUID uuid;
  private final long events;
  private final long sizeBytes;
  private final Completion done;
  private int nextCopy;

  private BitmapLoading(Members members, MdSuperblock freshest, long sizeBytes, Completion done) {
    this.members = members;
    name = freshest.setName();
    uuid = freshest.setUuid();
    events = freshest.events();
    this.sizeBytes = sizeBytes;
    this.done = done;
  }

  /** Reads the bitmap of an array that has one. */
  static void load(Members members, MdSuperblock freshest, long sizeBytes, Completion done) {
    new BitmapLoading(members, freshest, sizeBytes, done).tryNextCopy();
  }

  /**
   * Bits for an array without a bitmap: they live in memory only, and after an unclean stop all are
   * set, which makes it a full resync.
   */
  static BitmapPages inMemory(long sizeBytes, boolean allSet) {
    BitmapPages pages = blank(sizeBytes);
    if (allSet) {
      setAll(pages);
    }
    return pages;
  }

  private static BitmapPages blank(long sizeBytes) {
    long chunkBytes = DEFAULT_CHUNK_BYTES;
    while ((sizeBytes - 1) / chunkBytes >= 1 << 19) {
      chunkBytes *= 2;
    }
    BitmapPages pages = new BitmapPages(new BitmapGeometry(sizeBytes, chunkBytes));
    pages.superblock().setDaemonSleep(DEFAULT_DAEMON_SLEEP_SECONDS);
    return pages;
  }

  private static void setAll(BitmapPages pages) {
    ByteBuf image = pages.image();
    for (int at = BitmapSuperblock.BYTES; at < pages.count() * BitmapGeometry.PAGE_BYTES; at++) {
      image.setByte(at, 0xff);
    }
    pages.loaded();
  }

  private void tryNextCopy() {
    if (nextCopy == members.all().size()) {
      log.warn(
          "array {}: no copy of the write-intent bitmap can be read; every chunk counts as written"
              + " to",
          name);
      done.completed(rebuilt(), null);
      return;
    }
    Member member = members.all().get(nextCopy++);
    int length = Math.max(BitmapGeometry.PAGE_BYTES, member.device().blockBytes());
    ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(length, length);
    member
        .device()
        .read(
            offsetOf(member),
            buffer,
            0,
            length,
            failure -> {
              BitmapSuperblock superblock =
                  BitmapSuperblock.wrap(copyOf(buffer, BitmapSuperblock.BYTES));
              buffer.release();
              superblockRead(member, superblock, failure);
            });
  }

  private static ByteBuffer copyOf(ByteBuf buffer, int bytes) {
    ByteBuffer copy = ByteBuffer.allocate(bytes);
    buffer.getBytes(0, copy);
    return copy.flip();
  }

  /** Offset of a member's bitmap, in bytes from the start of the device. */
  static long offsetOf(Member member) {
    MdSuperblock superblock = member.superblock();
    return (superblock.superOffset() + superblock.bitmapOffset()) * MdSuperblock.SECTOR_BYTES;
  }

  private void superblockRead(
      Member member, BitmapSuperblock superblock, @Nullable DeviceException failure) {
    String problem = failure != null ? failure.getMessage() : problemOf(superblock);
    if (problem != null) {
      log.warn(
          "array {}: the write-intent bitmap on {} cannot be used: {}",
          name,
          member.path(),
          problem);
      tryNextCopy();
      return;
    }
    if (!superblock.uuid().equals(uuid)) {
      done.completed(
          null,
          new AssemblyException(
              "the write-intent bitmap on %s belongs to array %s, not to %s (%s): it is not used"
                  .formatted(member.path(), superblock.uuid(), name, uuid)));
      return;
    }
    readPages(member, new BitmapPages(new BitmapGeometry(sizeBytes, superblock.chunksize())));
  }

  private @Nullable String problemOf(BitmapSuperblock superblock) {
    if (superblock.magic() != BitmapSuperblock.MAGIC) {
      return "it has no bitmap's magic number";
    }
    // Version 3 has the host's bit order, which is little-endian wherever we run.
    if (superblock.version() != BitmapSuperblock.VERSION_LITTLE_ENDIAN
        && superblock.version() != BitmapSuperblock.VERSION_HOST_ENDIAN) {
      return "its version " + superblock.version() + " is not supported";
    }
    long chunk = superblock.chunksize();
    if (Long.bitCount(chunk) != 1 || chunk < 512) {
      return "its chunk of " + chunk + " bytes is no power of two from 512 up";
    }
    if ((sizeBytes - 1) / chunk >= 1L << 30) {
      return "its chunk of " + chunk + " bytes is too small for the array";
    }
    return null;
  }

  private void readPages(Member member, BitmapPages pages) {
    int block = member.device().blockBytes();
    long stored = pages.geometry().storedBytes();
    int length = (int) ((stored + block - 1) / block * block);
    if (offsetOf(member) + length > member.dataOffsetBytes()
        && offsetOf(member) < member.dataOffsetBytes()) {
      log.warn(
          "array {}: the write-intent bitmap on {} would run into the data", name, member.path());
      tryNextCopy();
      return;
    }
    ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(length, length);
    member
        .device()
        .read(
            offsetOf(member),
            buffer,
            0,
            length,
            failure -> {
              pages.image().setBytes(0, buffer, 0, (int) stored);
              buffer.release();
              if (failure != null) {
                log.warn("array {}: {}", name, failure.getMessage());
                tryNextCopy();
              } else {
                pagesRead(member, pages);
              }
            });
  }

  private void pagesRead(Member member, BitmapPages pages) {
    BitmapSuperblock superblock = pages.superblock();
    if (superblock.daemonSleep() < 1) {
      superblock.setDaemonSleep(DEFAULT_DAEMON_SLEEP_SECONDS);
    }
    superblock.setSyncSize(sizeBytes / MdSuperblock.SECTOR_BYTES);
    boolean stale = (superblock.state() & BitmapSuperblock.STATE_STALE) != 0;
    if (stale || Long.compareUnsigned(superblock.events(), events) < 0) {
      log.warn(
          "array {}: the write-intent bitmap on {} is stale (event {}, the array is at {}); every"
              + " chunk counts as written to",
          name,
          member.path(),
          superblock.events(),
          events);
      superblock.setEventsCleared(events);
      setAll(pages);
    } else {
      pages.loaded();
    }
    done.completed(pages, null);
  }

  /** A new bitmap in the place of one that nobody can read. */
  private BitmapPages rebuilt() {
    MdSuperblock any = members.all().getFirst().superblock();
    long roomBytes = 4096;
    if (any.bitmapOffset() > 0 && any.bblogOffset() > any.bitmapOffset()) {
      roomBytes = (long) (any.bblogOffset() - any.bitmapOffset()) * MdSuperblock.SECTOR_BYTES;
    }
    long chunkBytes = DEFAULT_CHUNK_BYTES;
    while (new BitmapGeometry(sizeBytes, chunkBytes).storedBytes() > roomBytes) {
      chunkBytes *= 2;
    }
    BitmapPages pages = new BitmapPages(new BitmapGeometry(sizeBytes, chunkBytes));
    BitmapSuperblock superblock = pages.superblock();
    superblock.setMagic(BitmapSuperblock.MAGIC);
    superblock.setVersion(BitmapSuperblock.VERSION_LITTLE_ENDIAN);
    superblock.setUuid(uuid);
    superblock.setState(BitmapSuperblock.STATE_STALE);
    superblock.setSyncSize(sizeBytes / MdSuperblock.SECTOR_BYTES);
    superblock.setChunksize(chunkBytes);
    superblock.setDaemonSleep(DEFAULT_DAEMON_SLEEP_SECONDS);
    superblock.setEventsCleared(events);
    setAll(pages);
    return pages;
  }
}
