package io.nbdmirror.raid.assembly;

import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.bitmap.BitmapPlace;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.member.Recovery;
import io.nbdmirror.raid.superblock.BadBlockLog;
import io.nbdmirror.raid.superblock.BadBlockLogReader;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.SuperblockException;
import io.nbdmirror.raid.superblock.SuperblockReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Puts an array together from its members' superblocks. */
public final class Assembly {
  private static final Logger log = LoggerFactory.getLogger(Assembly.class);

  private Assembly() {}

  /** Told once, on the loop, how assembly ended: exactly one of the two is not null. */
  @FunctionalInterface
  public interface Completion {
    void completed(@Nullable Mirror mirror, @Nullable AssemblyException failure);
  }

  /**
   * Assembles one array. Called on {@code loop}. On success the mirror owns the devices, those it
   * has no use for are closed, and it is for the caller to {@linkplain Mirror#start start} it; on
   * failure all stay the caller's. Either way nothing has been written.
   *
   * @param devices opened on {@code loop}, each once
   * @param file what the bitmap is kept in, opened on {@code loop}; null when it is on the members
   *     or nowhere
   * @param allowDegraded start although a member that was in sync is absent
   * @param readOnly write nothing to any member, ever
   */
  public static void assemble(
      List<BlockDevice> devices,
      @Nullable BitmapFile file,
      boolean allowDegraded,
      boolean readOnly,
      Scheduler loop,
      Completion done) {
    new Reading(devices, file, allowDegraded, readOnly, loop, done).next();
  }

  /** Reads one superblock after the other. */
  private static final class Reading {
    private final List<BlockDevice> devices;
    private final @Nullable BitmapFile file;
    private final boolean allowDegraded;
    private final boolean readOnly;
    private final Scheduler loop;
    private final Completion done;
    private final List<Roster.Candidate> candidates = new ArrayList<>();
    private final List<String> damaged = new ArrayList<>();
    private final List<BlockDevice> damagedDevices = new ArrayList<>();
    private final Map<UUID, List<BadBlockLog.Entry>> badBlocks = new HashMap<>();
    private int read;

    Reading(
        List<BlockDevice> devices,
        @Nullable BitmapFile file,
        boolean allowDegraded,
        boolean readOnly,
        Scheduler loop,
        Completion done) {
      this.devices = devices;
      this.file = file;
      this.allowDegraded = allowDegraded;
      this.readOnly = readOnly;
      this.loop = loop;
      this.done = done;
    }

    void next() {
      if (read < devices.size()) {
        BlockDevice device = devices.get(read++);
        SuperblockReader.read(
            device, (superblock, failure) -> superblockRead(device, superblock, failure));
      } else {
        assemble();
      }
    }

    private void superblockRead(
        BlockDevice device,
        @Nullable MdSuperblock superblock,
        @Nullable SuperblockException failure) {
      if (superblock != null) {
        BadBlockLogReader.read(
            device,
            superblock,
            superblock.superOffset(),
            (entries, logFailure) -> logRead(device, superblock, entries, logFailure));
        return;
      } else if (failure != null && isLeftOut(failure.problem())) {
        damaged.add("%s is left out: %s".formatted(device.path(), failure.getMessage()));
        damagedDevices.add(device);
      } else if (failure != null) {
        done.completed(null, new AssemblyException(String.valueOf(failure.getMessage())));
        return;
      }
      next();
    }

    /** A member whose bad blocks are not known cannot be read from: it is left out. */
    private void logRead(
        BlockDevice device,
        MdSuperblock superblock,
        List<BadBlockLog.Entry> entries,
        @Nullable DeviceException failure) {
      if (failure == null) {
        candidates.add(new Roster.Candidate(device, superblock));
        badBlocks.put(superblock.deviceUuid(), entries);
      } else {
        damaged.add("%s is left out: %s".formatted(device.path(), failure.getMessage()));
        damagedDevices.add(device);
      }
      next();
    }

    /** A damaged superblock is as good as a stale one (I10); any other problem is a mistake. */
    private static boolean isLeftOut(SuperblockException.Problem problem) {
      return problem == SuperblockException.Problem.BAD_CHECKSUM
          || problem == SuperblockException.Problem.UNREADABLE;
    }

    private void assemble() {
      Roster roster;
      try {
        roster = Roster.decide(candidates, damaged, allowDegraded);
      } catch (AssemblyException e) {
        done.completed(null, e);
        return;
      }
      MdSuperblock freshest = roster.freshest();
      Members members = roster.members();
      for (Member member : members.all()) {
        member
            .badBlocks()
            .load(badBlocks.getOrDefault(member.superblock().deviceUuid(), List.of()));
      }
      long size = freshest.size() * MdSuperblock.SECTOR_BYTES;
      boolean internal = freshest.hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET);
      BitmapFile kept = file;
      if (kept != null && internal) {
        done.completed(
            null,
            new AssemblyException(
                "array %s keeps its write-intent bitmap on its members: leave out --bitmap %s"
                    .formatted(freshest.setName(), kept.device().path())));
      } else if (kept != null) {
        BitmapPlace place = BitmapPlace.inFile(kept.device(), kept.raw());
        BitmapLoading.fromFile(
            kept, members, freshest, size, (pages, e) -> loaded(roster, members, place, pages, e));
      } else if (internal) {
        BitmapPlace place = BitmapPlace.onMembers(members, freshest.bitmapOffset());
        BitmapLoading.fromMembers(
            members, freshest, size, (pages, e) -> loaded(roster, members, place, pages, e));
      } else {
        BitmapPages pages = BitmapLoading.inMemory(freshest.setUuid(), size, isUnclean(freshest));
        loaded(roster, members, BitmapPlace.NOWHERE, pages, null);
      }
    }

    private void loaded(
        Roster roster,
        Members members,
        BitmapPlace place,
        @Nullable BitmapPages pages,
        @Nullable AssemblyException failure) {
      if (pages == null) {
        done.completed(null, failure);
        return;
      }
      for (Member member : members.all()) {
        // One that is an event behind may have missed that the bitmap was moved.
        place.recordIn(member.superblock());
        if (place.copies().isEmpty() && Recovery.isByBitmap(member.superblock())) {
          // No bitmap tells what it lacks.
          Recovery.from(member.superblock(), 0);
        }
      }
      damagedDevices.forEach(BlockDevice::close);
      done.completed(mirrorOf(roster, members, place, pages), null);
    }

    private Mirror mirrorOf(Roster roster, Members members, BitmapPlace place, BitmapPages pages) {
      MdSuperblock freshest = roster.freshest();
      for (String sentence : roster.leftOut()) {
        log.warn("array {}: {}", freshest.setName(), sentence);
      }
      roster.unused().forEach(BlockDevice::close);
      log.info(
          "array {}: {} of {} members in sync, {}",
          freshest.setName(),
          members.inSync(),
          members.slots(),
          members.all().stream().map(Member::path).toList());
      return new Mirror(
          new Mirror.Found(
              freshest.setName(),
              freshest.setUuid(),
              pages.geometry().sizeBytes(),
              members,
              pages,
              place,
              isUnclean(freshest),
              freshest.events(),
              roster.isAbsenceNew(),
              readOnly),
          loop);
    }
  }

  private static boolean isUnclean(MdSuperblock freshest) {
    return freshest.resyncOffset() != MdSuperblock.RESYNC_OFFSET_CLEAN;
  }
}
