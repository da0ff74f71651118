package io.nbdmirror.raid;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.bitmap.ArrayBitmap;
import io.nbdmirror.raid.bitmap.BitmapPlace;
import io.nbdmirror.raid.bitmap.NewBitmap;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.membership.Standstill;
import java.util.Locale;
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
final class BitmapChange {
  private static final Logger log = LoggerFactory.getLogger(BitmapChange.class);

  private final Mirror.Found found;
  private final ArrayHealth health;
  private final ArrayBitmap bitmap;
  private final Standstill standstill;
  private final Scheduler scheduler;
  private final BitmapPlace place;
  private final NewBitmap layout;
  private final Completion done;

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
    this.found = found;
    this.health = health;
    bitmap = health.arrayBitmap();
    this.standstill = standstill;
    this.scheduler = scheduler;
    this.place = place;
    this.layout = layout;
    this.done = done;
  }

  void run() {
    standstill.begin(() -> {
      BitmapSuccessor successor =
          new BitmapSuccessor(found.members(), health, scheduler, place, layout);
      successor.write(true, problem -> written(successor, problem));
    });
  }

  private void written(BitmapSuccessor successor, @Nullable DeviceException problem) {
    if (problem != null) {
      goOn(problem);
      return;
    }
    BitmapPlace.Kind before = bitmap.place().kind();
    // The old one's file is given back when the members no longer count on it.
    ArrayBitmap.Kept old = successor.adopt();
    health.updates().recordChange();
    health
        .updates()
        .whenSettled(() -> {
          log.info(
              "array {}: the write-intent bitmap was {} and is {} now, {} bytes a bit",
              found.name(),
              word(before),
              word(place.kind()),
              layout.chunkBytes());
          ArrayBitmap.giveBack(old, () -> goOn(health.broken()));
        });
  }

  private static String word(BitmapPlace.Kind kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }

  private void goOn(@Nullable DeviceException outcome) {
    standstill.end();
    done.completed(outcome);
  }
}
