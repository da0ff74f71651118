package io.nbdmirror.raid;

import io.nbdmirror.bitmap.BitmapOwner;
import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.bitmap.ArrayBitmap;
import io.nbdmirror.raid.bitmap.BitmapPlace;
import io.nbdmirror.raid.bitmap.NewBitmap;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A bitmap that is to take over from the one an array has, with every bit that is set there, in
 * another place or in other chunks. Until it {@linkplain #adopt takes over}, an error of it is
 * nobody else's; from then on it is the array's. Used once, at a {@linkplain
 * io.nbdmirror.raid.membership.Standstill standstill}, on the array's loop.
 */
final class BitmapSuccessor implements BitmapOwner {
  private final Members members;
  private final ArrayHealth health;
  private final ArrayBitmap bitmap;
  private final BitmapPlace place;
  private final BitmapPages pages;
  private final ArrayBitmap.Kept kept;
  private final long failuresBefore;
  private boolean adopted;
  private @Nullable DeviceException failure;

  /**
   * @param place where it is kept
   * @param layout what it is like
   */
  BitmapSuccessor(
      Members members,
      ArrayHealth health,
      Scheduler scheduler,
      BitmapPlace place,
      NewBitmap layout) {
    this.members = members;
    this.health = health;
    this.place = place;
    bitmap = health.arrayBitmap();
    failuresBefore = health.memberFailures();
    pages = new BitmapPages(layout.geometry());
    layout.describe(pages.superblock());
    pages.superblock().setEvents(health.updates().events());
    pages.superblock().setEventsCleared(eventsCleared());
    takeBits(pages::set, false);
    // Whatever the medium had there before, every page of it must be ours.
    pages.makeAllPresent();
    kept = ArrayBitmap.Kept.in(place, pages, this, this::copyFailed, scheduler, false);
    takeBits(kept.bitmap().counters()::markNeeded, true);
  }

  /**
   * Bits may have been cleared up to this event, as far as an absent member is concerned: what the
   * old bitmap says, if it has been complete since.
   */
  private long eventsCleared() {
    return bitmap.isTrusted()
        ? bitmap.current().superblock().eventsCleared()
        : health.updates().events();
  }

  /** For every chunk here that overlaps one there with its bit set. */
  private void takeBits(IntConsumer what, boolean neededOnly) {
    WriteIntentBitmap old = bitmap.current();
    for (int chunk = old.nextSet(0); chunk >= 0; chunk = old.nextSet(chunk + 1)) {
      if (!neededOnly || old.counters().isNeeded(chunk)) {
        BitmapGeometry from = old.geometry();
        BitmapGeometry to = pages.geometry();
        long end = Math.min(from.chunkEndBytes(chunk), to.sizeBytes());
        for (long at = from.chunkStartBytes(chunk); at < end; ) {
          int other = to.chunkAt(at);
          what.accept(other);
          at = to.chunkEndBytes(other);
        }
      }
    }
  }

  /** From this offset on nothing is known to be the same on all members, present or absent. */
  void markNeededFrom(long offsetBytes) {
    for (int chunk = pages.geometry().chunkAt(offsetBytes);
        chunk < pages.geometry().chunks();
        chunk++) {
      pages.set(chunk);
      kept.bitmap().counters().markNeeded(chunk);
    }
  }

  /**
   * Writes all of it.
   *
   * @param trusted whether whoever reads it may believe it at once; if not, it is marked stale
   *     until it takes over
   * @param written told null when it is durable, or why it is not
   */
  void write(boolean trusted, Completion written) {
    pages.superblock().setState(trusted ? 0 : BitmapSuperblock.STATE_STALE);
    kept.bitmap()
        .commits()
        .commit(ignored -> written.completed(failure != null ? failure : health.broken()));
  }

  /**
   * It is the array's bitmap from now on: in memory, and on the medium with the next update of the
   * superblocks, which is for the caller to ask for.
   *
   * @return the one that was
   */
  ArrayBitmap.Kept adopt() {
    adopted = true;
    pages.superblock().setState(0);
    for (Member member : members.all()) {
      place.recordIn(member.superblock());
    }
    ArrayBitmap.Kept old = bitmap.exchange(kept);
    if (health.memberFailures() != failuresBefore) {
      // A member failed while the new bitmap was being written, and only the old one was told (I5).
      kept.bitmap().markAllNeeded();
    }
    dropFailed();
    return old;
  }

  /** Its place was chosen before writes were held: a member may have failed since. */
  private void dropFailed() {
    for (Member member : members.all()) {
      if (!member.isWritable()) {
        bitmap.drop(member.device());
      }
    }
  }

  private void copyFailed(BlockDevice device, DeviceException copyFailure) {
    if (adopted) {
      health.copyFailed(device, copyFailure);
    } else if (failure == null) {
      failure = copyFailure;
    }
  }

  @Override
  public boolean mayClear() {
    return adopted && health.mayClear();
  }

  @Override
  public void flushMembers(Completion flushed) {
    health.flushMembers(flushed);
  }

  @Override
  public long events() {
    return health.events();
  }

  @Override
  public void bitmapFailed(DeviceException bitmapFailure) {
    if (adopted) {
      health.bitmapFailed(bitmapFailure);
    } else if (failure == null) {
      failure = bitmapFailure;
    }
  }
}
