package io.nbdmirror.raid;

import io.nbdmirror.bitmap.BitmapOwner;
import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapGeometry;
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
import io.nbdmirror.raid.membership.Standstill;
import java.util.Locale;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Exchanges the bitmap of a running array for another, kept elsewhere or in other chunks.
 *
 * <pre>
 *   hold clearing ──► hold new writes, let those inside end ──► superblocks settled
 *     ──► new bitmap with every set bit of the old: all of it durable
 *     ──► exchange ──► bitmap superblock, then members' superblocks, one event further
 *     ──► give the old one back ──► writes and clearing go on
 * </pre>
 *
 * Until the members' superblocks are written the old bitmap is complete and trusted; from then on
 * the new one is, and the old is an event behind, so that nobody takes it for good: no write passes
 * in between (I1). If the new one cannot be written, all stays as it was. Used once, on the array's
 * loop.
 */
final class BitmapChange implements BitmapOwner {
  private static final Logger log = LoggerFactory.getLogger(BitmapChange.class);

  private final String name;
  private final Members members;
  private final ArrayHealth health;
  private final ArrayBitmap bitmap;
  private final Standstill standstill;
  private final Scheduler scheduler;
  private final BitmapPlace place;
  private final NewBitmap layout;
  private final Completion done;
  private boolean adopted;
  private long failuresBefore;
  private @Nullable DeviceException failure;

  /**
   * @param place where the new bitmap is kept
   * @param layout of the new bitmap
   * @param done told null when it is in force, or why all stayed as it was; the new file is the
   *     caller's then
   */
  BitmapChange(
      Mirror.Found found,
      ArrayHealth health,
      Standstill standstill,
      Scheduler scheduler,
      BitmapPlace place,
      NewBitmap layout,
      Completion done) {
    name = found.name();
    members = found.members();
    this.health = health;
    bitmap = health.arrayBitmap();
    this.standstill = standstill;
    this.scheduler = scheduler;
    this.place = place;
    this.layout = layout;
    this.done = done;
  }

  void run() {
    standstill.begin(this::prepare);
  }

  private void prepare() {
    failuresBefore = health.memberFailures();
    BitmapPages pages = new BitmapPages(layout.geometry());
    layout.describe(pages.superblock());
    pages.superblock().setEvents(health.updates().events());
    pages.superblock().setEventsCleared(eventsCleared());
    WriteIntentBitmap old = bitmap.current();
    for (int chunk = old.pages().nextSet(0); chunk >= 0; chunk = old.pages().nextSet(chunk + 1)) {
      forEachOverlapping(old.geometry(), chunk, pages.geometry(), pages::set);
    }
    // Whatever the medium had there before, every page of it must be ours.
    pages.makeAllPresent();
    ArrayBitmap.Kept kept =
        ArrayBitmap.Kept.in(place, pages, this, this::copyFailed, scheduler, false);
    for (int chunk = old.pages().nextSet(0); chunk >= 0; chunk = old.pages().nextSet(chunk + 1)) {
      if (old.counters().isNeeded(chunk)) {
        forEachOverlapping(
            old.geometry(), chunk, pages.geometry(), kept.bitmap().counters()::markNeeded);
      }
    }
    kept.bitmap().commits().commit(ignored -> written(kept));
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

  private static void forEachOverlapping(
      BitmapGeometry from, int chunk, BitmapGeometry to, IntConsumer what) {
    int last = to.chunkAt(from.chunkEndBytes(chunk) - 1);
    for (int other = to.chunkAt(from.chunkStartBytes(chunk)); other <= last; other++) {
      what.accept(other);
    }
  }

  private void written(ArrayBitmap.Kept kept) {
    DeviceException problem = failure != null ? failure : health.broken();
    if (problem != null) {
      goOn(problem);
      return;
    }
    adopted = true;
    BitmapPlace.Kind before = bitmap.place().kind();
    for (Member member : members.all()) {
      place.recordIn(member.superblock());
    }
    // The old one's file is given back when the members no longer count on it.
    ArrayBitmap.Kept old = bitmap.exchange(kept);
    if (health.memberFailures() != failuresBefore) {
      takeOverFailures(kept);
    }
    health.updates().recordChange();
    health
        .updates()
        .whenSettled(() -> {
          log.info(
              "array {}: the write-intent bitmap was {} and is {} now, {} bytes a bit",
              name,
              word(before),
              word(place.kind()),
              layout.chunkBytes());
          ArrayBitmap.giveBack(old, () -> goOn(health.broken()));
        });
  }

  /** A member failed while the new bitmap was being written, and only the old one was told (I5). */
  private void takeOverFailures(ArrayBitmap.Kept kept) {
    kept.bitmap().markAllNeeded();
    for (Member member : members.all()) {
      if (!member.isWritable()) {
        bitmap.drop(member.device());
      }
    }
  }

  private static String word(BitmapPlace.Kind kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }

  private void goOn(@Nullable DeviceException outcome) {
    standstill.end();
    done.completed(outcome);
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
