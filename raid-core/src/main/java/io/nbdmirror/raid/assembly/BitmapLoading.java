package io.nbdmirror.raid.assembly;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.bitmap.BitmapPlace;
import io.nbdmirror.raid.bitmap.NewBitmap;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads an array's bitmap (I10): an internal one from a member in sync, from the next when that
 * copy is unreadable; one in a file from that file, or not at all. A bitmap that is behind the
 * members, or marked stale, or unreadable everywhere, has every bit set.
 */
final class BitmapLoading {
  /** Told once; exactly one of the two is not null. */
  @FunctionalInterface
  interface Completion {
    void completed(@Nullable BitmapPages pages, @Nullable AssemblyException failure);
  }

  private static final Logger log = LoggerFactory.getLogger(BitmapLoading.class);
  private static final long DEFAULT_CHUNK_BYTES = 64L << 20;

  private final MdSuperblock freshest;
  private final String name;
  private final UUID uuid;
  private final long events;
  private final long sizeBytes;
  private final @Nullable BitmapFile file;
  private final Completion done;

  /** Members whose copy is to be believed. */
  private final List<Member> holders;

  private int nextCopy;

  private BitmapLoading(
      Members members,
      MdSuperblock freshest,
      long sizeBytes,
      @Nullable BitmapFile file,
      Completion done) {
    holders = members.all().stream().filter(Member::isInSync).toList();
    this.freshest = freshest;
    name = freshest.setName();
    uuid = freshest.setUuid();
    events = freshest.events();
    this.sizeBytes = sizeBytes;
    this.file = file;
    this.done = done;
  }

  /** Reads the bitmap that the array has on its members. */
  static void fromMembers(Members members, MdSuperblock freshest, long sizeBytes, Completion done) {
    new BitmapLoading(members, freshest, sizeBytes, null, done).tryNextCopy();
  }

  /** Reads the bitmap that the array has in a file. */
  static void fromFile(
      BitmapFile file, Members members, MdSuperblock freshest, long sizeBytes, Completion done) {
    new BitmapLoading(members, freshest, sizeBytes, file, done).readFile(file);
  }

  /**
   * Bits for an array without a bitmap: they live in memory only, and after an unclean stop all are
   * set, which makes it a full resync.
   */
  static BitmapPages inMemory(UUID uuid, long sizeBytes, boolean allSet) {
    long chunkBytes = DEFAULT_CHUNK_BYTES;
    while ((sizeBytes - 1) / chunkBytes >= 1 << 19) {
      chunkBytes *= 2;
    }
    BitmapPages pages = blank(uuid, sizeBytes, chunkBytes);
    if (allSet) {
      pages.setAll();
    }
    return pages;
  }

  private static BitmapPages blank(UUID uuid, long sizeBytes, long chunkBytes) {
    NewBitmap bitmap =
        new NewBitmap(uuid, sizeBytes, chunkBytes, NewBitmap.DEFAULT_DAEMON_SLEEP_SECONDS, 0);
    BitmapPages pages = new BitmapPages(bitmap.geometry());
    bitmap.describe(pages.superblock());
    return pages;
  }

  private void tryNextCopy() {
    if (nextCopy == holders.size()) {
      log.warn(
          "array {}: no copy of the write-intent bitmap can be read; every chunk counts as written"
              + " to",
          name);
      done.completed(rebuilt(), null);
      return;
    }
    Member member = holders.get(nextCopy++);
    BitmapReading copy =
        new BitmapReading(
            member.device(), BitmapPlace.offsetBytes(member, freshest.bitmapOffset()));
    copy.superblock((superblock, failure) -> {
      String problem =
          superblock == null ? textOf(failure) : BitmapCheck.problem(superblock, sizeBytes);
      if (superblock == null || problem != null) {
        cannotUse(member.path(), String.valueOf(problem));
        tryNextCopy();
      } else if (!superblock.uuid().equals(uuid)) {
        fail(foreign(member.path(), superblock));
      } else {
        readCopy(member, copy, new BitmapGeometry(sizeBytes, superblock.chunksize()));
      }
    });
  }

  private void readCopy(Member member, BitmapReading copy, BitmapGeometry geometry) {
    long end = copy.startBytes() + geometry.storedBytes();
    if (copy.startBytes() < member.dataOffsetBytes() && end > member.dataOffsetBytes()) {
      cannotUse(member.path(), "it would run into the data");
      tryNextCopy();
      return;
    }
    BitmapPages pages = new BitmapPages(geometry);
    copy.pages(
        pages,
        failure -> {
          if (failure != null) {
            cannotUse(member.path(), textOf(failure));
            tryNextCopy();
          } else {
            // Another copy may have bits where this one has none.
            pages.makeAllPresent();
            pagesRead(member.path(), pages);
          }
        });
  }

  private void readFile(BitmapFile from) {
    String path = from.device().path();
    BitmapReading reading = new BitmapReading(from.device(), 0);
    if (reading.availableBytes() < BitmapSuperblock.BYTES) {
      fail("%s is no bitmap file: it has %d bytes".formatted(path, reading.availableBytes()));
      return;
    }
    reading.superblock((superblock, failure) -> {
      if (superblock == null) {
        fail(
            "%s; mend it, or start without --bitmap, which means a full resync if the array was"
                    .formatted(textOf(failure))
                + " not stopped cleanly");
        return;
      }
      String problem = BitmapCheck.problem(superblock, sizeBytes);
      if (problem == null && !superblock.uuid().equals(uuid)) {
        fail(foreign(path, superblock));
      } else if (problem != null) {
        fail("the write-intent bitmap in %s cannot be used: %s".formatted(path, problem));
      } else {
        readFilePages(reading, new BitmapGeometry(sizeBytes, superblock.chunksize()));
      }
    });
  }

  private void readFilePages(BitmapReading reading, BitmapGeometry geometry) {
    String path = reading.device().path();
    String tooShort = BitmapCheck.shortness(geometry, reading.availableBytes());
    if (tooShort != null) {
      fail(
          "the bitmap file %s is too short: %s; make a new one with: nbdmirror bitmap add"
              .formatted(path, tooShort));
      return;
    }
    BitmapPages pages = new BitmapPages(geometry);
    reading.pages(
        pages,
        failure -> {
          if (failure != null) {
            log.warn("array {}: {}; every chunk counts as written to", name, failure.getMessage());
            pages.superblock().setState(BitmapSuperblock.STATE_STALE);
          }
          pagesRead(path, pages);
        });
  }

  private void pagesRead(String path, BitmapPages pages) {
    BitmapSuperblock superblock = pages.superblock();
    String stale = BitmapCheck.staleness(superblock, sizeBytes, events, file != null);
    if (stale != null) {
      log.warn(
          "array {}: the write-intent bitmap on {} is stale: {}; every chunk counts as written to",
          name,
          path,
          stale);
      superblock.setEventsCleared(events);
      superblock.setState(BitmapSuperblock.STATE_STALE);
      pages.setAll();
    }
    if (superblock.daemonSleep() < 1) {
      superblock.setDaemonSleep(NewBitmap.DEFAULT_DAEMON_SLEEP_SECONDS);
    }
    superblock.setVersion(BitmapSuperblock.VERSION_LITTLE_ENDIAN);
    superblock.setSyncSize(sizeBytes / MdSuperblock.SECTOR_BYTES);
    done.completed(pages, null);
  }

  /** A new bitmap in the place of one that nobody can read. */
  private BitmapPages rebuilt() {
    MdSuperblock any = holders.getFirst().superblock();
    long roomBytes = BitmapGeometry.PAGE_BYTES;
    if (freshest.bitmapOffset() > 0 && any.bblogOffset() > freshest.bitmapOffset()) {
      roomBytes = (long) (any.bblogOffset() - freshest.bitmapOffset()) * MdSuperblock.SECTOR_BYTES;
    }
    long chunkBytes = DEFAULT_CHUNK_BYTES;
    while (new BitmapGeometry(sizeBytes, chunkBytes).storedBytes() > roomBytes) {
      chunkBytes *= 2;
    }
    BitmapPages pages = blank(uuid, sizeBytes, chunkBytes);
    pages.superblock().setState(BitmapSuperblock.STATE_STALE);
    pages.superblock().setEventsCleared(events);
    pages.setAll();
    return pages;
  }

  private void cannotUse(String path, String why) {
    log.warn("array {}: the write-intent bitmap on {} cannot be used: {}", name, path, why);
  }

  private String foreign(String path, BitmapSuperblock superblock) {
    return "the write-intent bitmap on %s belongs to array %s, not to %s (%s): it is not used"
        .formatted(path, superblock.uuid(), name, uuid);
  }

  private void fail(String sentence) {
    done.completed(null, new AssemblyException(sentence));
  }

  private static String textOf(@Nullable DeviceException failure) {
    return failure == null ? "" : String.valueOf(failure.getMessage());
  }
}
