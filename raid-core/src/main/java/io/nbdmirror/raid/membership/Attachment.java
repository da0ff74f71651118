package io.nbdmirror.raid.membership;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.event.ArrayEvent;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.MemberState;
import io.nbdmirror.raid.member.Members;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes members into a running array and lets them go.
 *
 * <pre>
 *   standstill ──► spare: on its superblock, then on all ──► go on
 *   standstill ──► in a slot, with a copy of the whole bitmap ──► on all superblocks ──► go on
 *   standstill ──► gone from all superblocks ──► go on
 * </pre>
 *
 * A member is a spare on every superblock before any gives it a slot: whenever that is cut short,
 * assembly finds either a spare or one that is to be rebuilt. Used on the array's loop, one at a
 * time.
 */
final class Attachment {
  private static final Logger log = LoggerFactory.getLogger(Attachment.class);

  private final String array;
  private final Members members;
  private final ArrayHealth health;
  private final Standstill standstill;

  Attachment(String array, Members members, ArrayHealth health, Standstill standstill) {
    this.array = array;
    this.members = members;
    this.health = health;
    this.standstill = standstill;
  }

  /**
   * Takes in a spare.
   *
   * @param done told null, or why it is no member: its superblock could not be written
   */
  void attach(Member member, Completion done) {
    standstill.begin(() -> {
      members.attach(member);
      health.updates().recordChange();
      health.updates().whenSettled(() -> attached(member, done));
    });
  }

  private void attached(Member member, Completion done) {
    if (member.isFaulty() || health.broken() != null) {
      forget(member, () -> done.completed(failureOf(member)));
      return;
    }
    standstill.end();
    log.info("array {}: {} is a member now", array, member.path());
    health
        .happenings()
        .tell(ArrayEvent.Kind.MEMBER_ADDED, member, "%s was added".formatted(member.path()));
    done.completed(null);
  }

  private DeviceException failureOf(Member member) {
    DeviceException broken = health.broken();
    return broken != null
        ? broken
        : Refusal.because(
            "%s cannot be written, so it was not taken into array %s: see the log"
                .formatted(member.path(), array));
  }

  /**
   * Gives a spare a slot: from then on it gets every write and is to be rebuilt, as its superblock
   * says.
   *
   * @param done told null, or why it has none: it failed
   */
  void place(Member member, int slot, Completion done) {
    standstill.begin(() -> {
      member.setState(MemberState.REBUILDING);
      members.place(member, slot);
      health.arrayBitmap().addCopy(member);
      // Before a superblock says that the member counts, the whole bitmap is on it (I13).
      health.bitmap().writeAgain(ignored -> bitmapWritten(member, done));
    });
  }

  private void bitmapWritten(Member member, Completion done) {
    if (!member.isFaulty()) {
      health.updates().recordChange();
    }
    health
        .updates()
        .whenSettled(() -> {
          standstill.end();
          done.completed(member.isFaulty() ? failureOf(member) : null);
        });
  }

  /** Changes in memory what superblocks say, or refuses. */
  @FunctionalInterface
  interface Change {
    void make() throws DeviceException;
  }

  /**
   * Changes what superblocks say of a member, while no write is under way.
   *
   * @param done told null, or why it was refused
   */
  void change(Change change, Completion done) {
    standstill.begin(() -> {
      try {
        change.make();
        health.updates().recordChange();
      } catch (DeviceException e) {
        standstill.end();
        done.completed(e);
        return;
      }
      health
          .updates()
          .whenSettled(() -> {
            standstill.end();
            done.completed(health.broken());
          });
    });
  }

  /** Changes how many members the complete array has. */
  void setSlots(int slots, Runnable done) {
    standstill.begin(() -> {
      members.setSlots(slots);
      health.updates().recordFailure();
      health
          .updates()
          .whenSettled(() -> {
            standstill.end();
            done.run();
          });
    });
  }

  /** Lets a member go that gets no writes; its device is the caller's then. */
  void detach(Member member, Runnable done) {
    standstill.begin(() ->
        forget(
            member,
            () -> {
              health
                  .happenings()
                  .tell(
                      ArrayEvent.Kind.MEMBER_REMOVED,
                      member,
                      "%s was removed".formatted(member.path()));
              done.run();
            }));
  }

  private void forget(Member member, Runnable then) {
    members.detach(member);
    health.updates().forgetDetached();
    if (health.broken() == null) {
      health.updates().recordChange();
    }
    health
        .updates()
        .whenSettled(() -> {
          standstill.end();
          then.run();
        });
  }
}
