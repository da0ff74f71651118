package io.nbdmirror.raid.assembly;

import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.bitmap.storage.InternalStorage;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.superblock.MdSuperblock;
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

  static void assembleFrom(
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
        "array {}: {} of {} members in sync{}",
        freshest.setName(),
        members.inSync(),
        members.slots(),
        members.all().stream().map(Member::path).toList());
    return mirror;
  }
}
