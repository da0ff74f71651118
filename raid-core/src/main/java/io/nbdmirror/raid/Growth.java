package io.nbdmirror.raid;

import static io.nbdmirror.bitmap.pages.PageAttributes.Attribute.DIRTY;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.bitmap.ArrayBitmap;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.membership.Standstill;
import io.nbdmirror.raid.resync.Doubt;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives a running array another size.
 *
 * <pre>
 *   standstill ──► plan ──► superblocks that move: what lies beside them copied to the new place
 *     ──► a bitmap in a file: marked stale
 *     ──► new bitmap, every bit of the old and all of the new area set: durable
 *     ──► bitmap superblock, then members' superblocks: new size, active, one event further
 *     ──► old places of superblocks that moved: zeroed
 *     ──► clients see the new size ──► go on; the new area is resynced
 * </pre>
 *
 * Until a member's superblock is written the old one, the old size and the old bitmap are in force;
 * from then on the new ones are, and whoever is an event behind follows at assembly. The old bitmap
 * of members is not touched; one in a file is stale while it is rewritten, so bits are never read
 * for chunks of the wrong size. Used once, on the array's loop.
 */
final class Growth {
  private static final Logger log = LoggerFactory.getLogger(Growth.class);

  private final Mirror mirror;
  private final Members members;
  private final ArrayHealth health;
  private final Doubt doubt;
  private final Standstill standstill;
  private final Scheduler scheduler;
  private final LongConsumer sizeChanged;
  private final Completion done;

  /**
   * @param sizeChanged told the new size when every superblock has it
   * @param done told null, or why all stayed as it was
   */
  Growth(
      Mirror mirror,
      Members members,
      ArrayHealth health,
      Doubt doubt,
      Standstill standstill,
      Scheduler scheduler,
      LongConsumer sizeChanged,
      Completion done) {
    this.mirror = mirror;
    this.members = members;
    this.health = health;
    this.doubt = doubt;
    this.standstill = standstill;
    this.scheduler = scheduler;
    this.sizeChanged = sizeChanged;
    this.done = done;
  }

  /**
   * Begins.
   *
   * @param wantedBytes 0 for as much as all members have room for
   * @param mayShrink whether it may be less than now
   */
  void run(long wantedBytes, boolean mayShrink) {
    standstill.begin(() -> {
      try {
        GrowthPlan plan =
            GrowthPlan.of(wantedBytes, mayShrink, mirror, members, health.arrayBitmap());
        if (plan.sizeBytes() < mirror.sizeBytes() && mirror.isInUse()) {
          throw new DeviceException(
              Errno.EBUSY, "array %s is in use: it cannot be shrunk".formatted(mirror.name()));
        }
        new MetadataMove(plan.rooms()).copy(problem -> copied(plan, problem));
      } catch (DeviceException e) {
        goOn(e);
      }
    });
  }

  private void copied(GrowthPlan plan, @Nullable DeviceException problem) {
    if (problem != null) {
      goOn(problem);
    } else if (plan.rewritesFile()) {
      // Whoever fails meanwhile is recorded afterwards: the old bitmap's first page would go to the
      // file while the new one's is on its way there (I2).
      health
          .updates()
          .whenSettled(() -> {
            health.updates().hold();
            markStale(plan);
          });
    } else {
      writeBitmap(plan);
    }
  }

  private void markStale(GrowthPlan plan) {
    WriteIntentBitmap old = health.bitmap();
    old.superblock().setState(BitmapSuperblock.STATE_STALE);
    old.pages().attributes().set(0, DIRTY);
    old.commits().commit((Completion) ignored -> writeBitmap(plan));
  }

  private void release(GrowthPlan plan) {
    if (plan.rewritesFile()) {
      health.updates().release();
    }
  }

  private void writeBitmap(GrowthPlan plan) {
    DeviceException kicked = health.arrayBitmap().failure();
    if (kicked != null) {
      release(plan);
      health.updates().whenSettled(() -> goOn(kicked));
      return;
    }
    BitmapSuccessor successor =
        new BitmapSuccessor(members, health, scheduler, plan.place(), plan.layout());
    if (plan.sizeBytes() > mirror.sizeBytes() && members.slots() > 1) {
      successor.markNeededFrom(mirror.sizeBytes());
    }
    successor.write(!plan.rewritesFile(), problem -> written(plan, successor, problem));
  }

  private void written(
      GrowthPlan plan, BitmapSuccessor successor, @Nullable DeviceException problem) {
    DeviceException why = problem == null ? changedMeanwhile() : problem;
    if (why != null) {
      restore(plan, why);
      return;
    }
    long before = mirror.sizeBytes();
    long chunkBefore = health.bitmap().geometry().chunkBytes();
    for (MemberRoom room : plan.rooms()) {
      room.adopt();
    }
    ArrayBitmap.Kept old = successor.adopt();
    assert old.place().isInFile() == plan.rewritesFile() : "a bitmap file is left behind";
    if (plan.sizeBytes() > before && members.inSync() > 1) {
      doubt.addFrom(before);
      health.updates().markActive();
    }
    health.updates().recordChange();
    release(plan);
    health
        .updates()
        .whenSettled(() -> {
          log.info(
              "array {}: {} bytes were its size and {} are now, {} bytes a bit of the bitmap{}",
              mirror.name(),
              before,
              plan.sizeBytes(),
              plan.layout().chunkBytes(),
              plan.layout().chunkBytes() == chunkBefore
                  ? ""
                  : ", %d before: that fits the room there is".formatted(chunkBefore));
          new MetadataMove(plan.rooms()).forgetOldPlaces(health, () -> sized(plan));
        });
  }

  /** Something came up while the bitmap was written that does not go together with it. */
  private @Nullable DeviceException changedMeanwhile() {
    String refusal = mirror.growRefusal();
    return refusal.isEmpty() ? null : new DeviceException(Errno.EBUSY, refusal);
  }

  private void restore(GrowthPlan plan, DeviceException why) {
    if (!plan.rewritesFile()) {
      goOn(why);
      return;
    }
    // The file has the new bitmap, or some of it: the old one once more, and then believed again.
    health.bitmap().superblock().setState(0);
    health
        .bitmap()
        .writeAgain(ignored -> {
          release(plan);
          health.updates().whenSettled(() -> goOn(why));
        });
  }

  private void sized(GrowthPlan plan) {
    sizeChanged.accept(plan.sizeBytes());
    goOn(health.broken());
  }

  private void goOn(@Nullable DeviceException outcome) {
    standstill.end();
    done.completed(outcome);
  }
}
