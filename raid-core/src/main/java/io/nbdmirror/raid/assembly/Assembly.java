package io.nbdmirror.raid.assembly;

import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.bitmap.storage.InternalStorage;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.SuperblockException;
import io.nbdmirror.raid.superblock.SuperblockReader;
import java.util.ArrayList;
import java.util.List;
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
   * @param allowDegraded start although a member that was in sync is absent
   * @param readOnly write nothing to any member, ever
   */
  public static void assemble(
      List<BlockDevice> devices,
      boolean allowDegraded,
      boolean readOnly,
      Scheduler loop,
      Completion done) {
    new Reading(devices, allowDegraded, readOnly, loop, done).next();
  }

  /** Reads one superblock after the other. */
  private static final class Reading {
    private final List<BlockDevice> devices;
    private final boolean allowDegraded;
    private final boolean readOnly;
    private final Scheduler loop;
    private final Completion done;
    private final List<Roster.Candidate> candidates = new ArrayList<>();
    private final List<String> damaged = new ArrayList<>();
    private final List<BlockDevice> damagedDevices = new ArrayList<>();
    private int read;

    Reading(
        List<BlockDevice> devices,
        boolean allowDegraded,
        boolean readOnly,
        Scheduler loop,
        Completion done) {
      this.devices = devices;
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
        assembleFrom(candidates, damaged, allowDegraded, readOnly, loop, this::closeDamaged);
      }
    }

    private void superblockRead(
        BlockDevice device,
        @Nullable MdSuperblock superblock,
        @Nullable SuperblockException failure) {
      if (superblock != null) {
        candidates.add(new Roster.Candidate(device, superblock));
      } else if (failure != null && isLeftOut(failure.problem())) {
        damaged.add("%s is left out: %s".formatted(device.path(), failure.getMessage()));
        damagedDevices.add(device);
      } else if (failure != null) {
        done.completed(null, new AssemblyException(String.valueOf(failure.getMessage())));
        return;
      }
      next();
    }

    /** A damaged superblock is as good as a stale one (I10); any other problem is a mistake. */
    private static boolean isLeftOut(SuperblockException.Problem problem) {
      return problem == SuperblockException.Problem.BAD_CHECKSUM
          || problem == SuperblockException.Problem.UNREADABLE;
    }

    private void closeDamaged(@Nullable Mirror mirror, @Nullable AssemblyException failure) {
      if (mirror != null) {
        damagedDevices.forEach(BlockDevice::close);
      }
      done.completed(mirror, failure);
    }
  }

  private static void assembleFrom(
      List<Roster.Candidate> candidates,
      List<String> leftOut,
      boolean allowDegraded,
      boolean readOnly,
      Scheduler loop,
      Completion done) {
    Roster roster;
    try {
      roster = Roster.decide(candidates, leftOut, allowDegraded);
    } catch (AssemblyException e) {
      done.completed(null, e);
      return;
    }
    MdSuperblock freshest = roster.freshest();
    boolean unclean = freshest.resyncOffset() != MdSuperblock.RESYNC_OFFSET_CLEAN;
    Members members = roster.members();
    long size = freshest.size() * MdSuperblock.SECTOR_BYTES;
    if (freshest.hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET)) {
      BitmapLoading.load(
          members,
          freshest,
          size,
          (pages, failure) -> {
            if (pages == null) {
              done.completed(null, failure);
            } else {
              done.completed(
                  mirrorOf(roster, members, pages, copiesOn(members), unclean, readOnly, loop),
                  null);
            }
          });
    } else {
      BitmapPages pages = BitmapLoading.inMemory(size, unclean);
      done.completed(mirrorOf(roster, members, pages, null, unclean, readOnly, loop), null);
    }
  }

  private static List<InternalStorage.Copy> copiesOn(Members members) {
    return members.all().stream()
        .map(member -> new InternalStorage.Copy(member.device(), BitmapLoading.offsetOf(member)))
        .toList();
  }

  private static Mirror mirrorOf(
      Roster roster,
      Members members,
      BitmapPages pages,
      @Nullable List<InternalStorage.Copy> copies,
      boolean unclean,
      boolean readOnly,
      Scheduler loop) {
    MdSuperblock freshest = roster.freshest();
    for (String sentence : roster.leftOut()) {
      log.warn("array {}: {}", freshest.setName(), sentence);
    }
    for (BlockDevice unused : roster.unused()) {
      unused.close();
    }
    Mirror mirror =
        new Mirror(
            new Mirror.Found(
                freshest.setName(),
                freshest.setUuid(),
                pages.geometry().sizeBytes(),
                members,
                pages,
                copies,
                unclean,
                freshest.events(),
                roster.isAbsenceNew(),
                readOnly),
            loop);
    log.info(
        "array {}: {} of {} members in sync, {}",
        freshest.setName(),
        members.inSync(),
        members.slots(),
        members.all().stream().map(Member::path).toList());
    return mirror;
  }
}
