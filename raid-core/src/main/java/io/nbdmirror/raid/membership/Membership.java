package io.nbdmirror.raid.membership;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.bitmap.ArrayBitmap;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.MemberState;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.member.Recovery;
import io.nbdmirror.raid.resync.SyncEngine;
import io.nbdmirror.raid.superblock.BadBlockLogReader;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.SuperblockReader;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who is a member of a running array: what {@code mdadm --manage} does, one change at a time and
 * under load. Refusals and failures are sentences for a person, and leave everything as it was.
 * Used on the array's loop.
 */
public final class Membership {
  private static final Logger log = LoggerFactory.getLogger(Membership.class);

  /** What dev_roles has room for in a superblock of 512 bytes, and md's limit here. */
  private static final int MAX_MEMBERS = 16;

  private final String name;
  private final Members members;
  private final ArrayHealth health;
  private final SyncEngine sync;
  private final ChangeQueue changes;
  private final Attachment attachment;
  private final Scheduler scheduler;
  private final Supplier<String> refusal;

  /**
   * @param refusal why nothing about the array may be changed now, as a sentence; empty when it may
   */
  public Membership(
      String name,
      Members members,
      ArrayHealth health,
      SyncEngine sync,
      ChangeQueue changes,
      Standstill standstill,
      Scheduler scheduler,
      Supplier<String> refusal) {
    this.name = name;
    this.members = members;
    this.health = health;
    this.sync = sync;
    this.changes = changes;
    this.scheduler = scheduler;
    this.refusal = refusal;
    attachment = new Attachment(name, members, health, standstill);
  }

  /** Leaves a member out, as if it had failed. The last one in sync is refused (I7). */
  public void fail(String path, Completion done) {
    withMember(
        path,
        done,
        (member, end) -> {
          if (member.isFaulty()) {
            end.completed(Refusal.because("%s has failed already".formatted(path)));
          } else if (!health.failByHand(member)) {
            end.completed(
                Refusal.because(
                    "%s is the only member of array %s in sync: it cannot be failed"
                        .formatted(path, name)));
          } else {
            health.updates().whenSettled(() -> end.completed(health.broken()));
          }
        });
  }

  /** Lets a faulty member or a spare go and closes its device. */
  public void remove(String path, Completion done) {
    withMember(
        path,
        done,
        (member, end) -> {
          if (member.isWritable()) {
            end.completed(
                Refusal.because(
                    "%s is in use by array %s: fail it first, with: nbdmirror fail %s %s"
                        .formatted(path, name, name, path)));
          } else {
            attachment.detach(
                member,
                () -> {
                  member.device().close();
                  end.completed(health.broken());
                });
          }
        });
  }

  /**
   * Takes a device in as a new member: it is rebuilt at once if a slot is free, and a spare
   * otherwise. What is on it is lost.
   *
   * @param device opened on the array's loop; the array's own from now on, closed if it is refused
   */
  public void add(BlockDevice device, Completion done) {
    Joining joining = new Joining(device);
    change(
        joining.closedUnlessDone(done),
        end -> {
          Member member = joining.as(newMember(device));
          attachment.attach(
              member,
              failure -> {
                if (failure == null) {
                  placeSpare();
                }
                end.completed(failure);
              });
        });
  }

  /**
   * Takes a former member back, and copies to it only what the bitmap marks; refused where that
   * would not be all it lacks.
   *
   * @param device as for {@link #add}
   */
  public void reAdd(BlockDevice device, Completion done) {
    Joining joining = new Joining(device);
    Completion end = joining.closedUnlessDone(done);
    // Read before it is anybody's turn: a disk that hangs must not hold up other changes.
    SuperblockReader.read(
        device,
        (superblock, failure) -> {
          if (superblock == null) {
            String why = failure == null ? "" : String.valueOf(failure.getMessage());
            end.completed(reAddRefused(device, why));
          } else {
            BadBlockLogReader.read(
                device,
                superblock,
                superblock.superOffset(),
                (entries, logFailure) ->
                    change(
                        end,
                        ended -> {
                          if (logFailure != null) {
                            throw reAddRefused(device, String.valueOf(logFailure.getMessage()));
                          }
                          // What the log says it lacks no bit may stand for any more.
                          Member member = joining.as(formerMember(device, superblock));
                          member.badBlocks().load(entries);
                          takeBack(member, ended);
                        }));
          }
        });
  }

  private void takeBack(Member member, Completion end) {
    attachment.attach(
        member,
        failure -> {
          if (failure != null) {
            end.completed(failure);
            return;
          }
          Recovery.byBitmap(member.superblock());
          place(member, members.freeSlot(), end);
        });
  }

  /** Gives it the slot that it was attached for, or lets it go again. */
  private void place(Member member, int slot, Completion end) {
    attachment.place(
        member,
        slot,
        failure -> {
          sync.consider();
          if (failure == null) {
            end.completed(null);
          } else {
            attachment.detach(member, () -> end.completed(failure));
          }
        });
  }

  /**
   * Copies a member to a new one while it goes on serving, and lets the new one take its place when
   * that has all data.
   *
   * @param device as for {@link #add}
   */
  public void replace(String oldPath, BlockDevice device, Completion done) {
    Joining joining = new Joining(device);
    withMember(
        oldPath,
        joining.closedUnlessDone(done),
        (old, end) -> {
          if (!old.isInSync()) {
            throw Refusal.because(
                "%s is not in sync: remove it, and add %s instead"
                    .formatted(oldPath, device.path()));
          }
          Member other = members.replacementOf(old);
          if (other != null) {
            throw Refusal.because(
                "%s is being replaced already, by %s".formatted(oldPath, other.path()));
          }
          Member member = joining.as(newMember(device));
          attachment.attach(
              member,
              failure -> {
                if (failure == null) {
                  Recovery.asReplacement(member.superblock());
                  member.setReplacement(true);
                  place(member, old.slot(), end);
                } else {
                  end.completed(failure);
                }
              });
        });
  }

  /** Makes a member one that is read last, or one like the others. Refused during a resync. */
  public void setWriteMostly(String path, boolean writeMostly, Completion done) {
    withMember(
        path,
        done,
        (member, end) -> {
          requireNoDoubt();
          // Resync after a crash might copy from a member that lags, if none keeps up (I4).
          attachment.change(() -> setWriteMostly(member, writeMostly), end);
        });
  }

  private void setWriteMostly(Member member, boolean writeMostly) throws DeviceException {
    requireNoDoubt();
    int flags = member.superblock().devflags();
    member
        .superblock()
        .setDevflags(
            writeMostly
                ? flags | MdSuperblock.DEVFLAG_WRITE_MOSTLY
                : flags & ~MdSuperblock.DEVFLAG_WRITE_MOSTLY);
  }

  private void requireNoDoubt() throws DeviceException {
    if (sync.isInDoubt()) {
      // The source would become another one, and what was read might read otherwise (I4).
      throw Refusal.because(
          "array %s has a resync to do, and is read from one member until then: try again when it is done"
              .formatted(name));
    }
  }

  /**
   * Sets how many members the complete array has. Fewer only when the slots that go are empty.
   *
   * @param slots 1 to 16
   */
  public void setSlots(int slots, Completion done) {
    change(
        done,
        end -> {
          if (slots < 1 || slots > MAX_MEMBERS) {
            throw Refusal.because(
                "an array has 1 to %d members, not %d".formatted(MAX_MEMBERS, slots));
          }
          for (Member member : members.all()) {
            if (member.slot() >= slots && member.isWritable()) {
              throw Refusal.because(
                  "%s is in slot %d, which would go: fail and remove it first"
                      .formatted(member.path(), member.slot()));
            }
          }
          if (members.inSync() == 0) {
            throw Refusal.because("array %s has no member in sync".formatted(name));
          }
          attachment.setSlots(
              slots,
              () -> {
                placeSpare();
                end.completed(health.broken());
              });
        });
  }

  /** Lets a spare take a slot that is free, if there are both; to be called after every change. */
  public void placeSpare() {
    if (members.spare() == null || members.freeSlot() == Member.NO_SLOT) {
      sync.consider();
      return;
    }
    changes.add(ended -> {
      Member spare = members.spare();
      int slot = members.freeSlot();
      if (spare == null || slot == Member.NO_SLOT || health.broken() != null) {
        sync.consider();
        ended.run();
        return;
      }
      Recovery.from(spare.superblock(), 0);
      attachment.place(
          spare,
          slot,
          failure -> {
            ended.run();
            // Another spare for another slot, or another one in the place of this one.
            placeSpare();
          });
    });
  }

  private Member newMember(BlockDevice device) throws DeviceException {
    requireNew(device);
    MdSuperblock superblock =
        layoutOf(device).superblock(freeNumber(), scheduler.wallClockMicros());
    return new Member(device, superblock, Member.NO_SLOT, MemberState.SPARE);
  }

  private Member formerMember(BlockDevice device, MdSuperblock own) throws DeviceException {
    requireNew(device);
    MdSuperblock model = model();
    ArrayBitmap bitmap = health.arrayBitmap();
    String problem =
        new ReAddRule(
                members, model, bitmap.isTrusted(), bitmap.current().superblock().eventsCleared())
            .refusal(own);
    if (problem == null && members.freeSlot() == Member.NO_SLOT) {
      problem = "no slot is free";
    }
    if (problem == null) {
      problem = layoutOf(device).misfit(own);
    }
    if (problem != null) {
      throw reAddRefused(device, problem);
    }
    MdSuperblock superblock = own.copy();
    superblock.setSize(model.size());
    superblock.setSetName(model.setName());
    if (isNumberTaken(superblock.devNumber())) {
      superblock.setDevNumber(freeNumber());
    }
    bitmap.place().recordIn(superblock);
    return new Member(device, superblock, Member.NO_SLOT, MemberState.SPARE);
  }

  private DeviceException reAddRefused(BlockDevice device, String why) {
    return Refusal.because(
        "%s cannot be re-added to array %s because %s; to copy everything to it: nbdmirror add %s %s"
            .formatted(device.path(), name, why, name, device.path()));
  }

  private void requireNew(BlockDevice device) throws DeviceException {
    if (members.withPath(device.path()) != null) {
      throw Refusal.because(
          "%s is a member of array %s: remove it first".formatted(device.path(), name));
    }
    if (device.blockBytes() > members.blockBytes()) {
      throw Refusal.because(
          "%s has blocks of %d bytes, and array %s is served in blocks of %d: assemble it anew with it"
              .formatted(device.path(), device.blockBytes(), name, members.blockBytes()));
    }
    if (members.all().size() >= MAX_MEMBERS) {
      throw Refusal.because(
          "array %s has %d members, which is all it can".formatted(name, MAX_MEMBERS));
    }
  }

  private NewMember layoutOf(BlockDevice device) throws DeviceException {
    ArrayBitmap bitmap = health.arrayBitmap();
    return new NewMember(model(), device, bitmap.place(), bitmap.current().geometry());
  }

  private MdSuperblock model() throws DeviceException {
    Member source = members.source();
    if (source == null) {
      throw Refusal.because("array %s has no member in sync".formatted(name));
    }
    return source.superblock();
  }

  /**
   * A number that no member has (md's dev_number). Those of members that left are not given again
   * while there are others: an old member that turns up must not be taken for a new one.
   */
  private int freeNumber() throws DeviceException {
    int number = 0;
    for (Member member : members.all()) {
      number = Math.max(number, member.superblock().devNumber() + 1);
    }
    if (number < model().maxDev()) {
      return number;
    }
    number = 0;
    while (isNumberTaken(number)) {
      number++;
    }
    return number;
  }

  private boolean isNumberTaken(int number) {
    for (Member member : members.all()) {
      if (member.superblock().devNumber() == number) {
        return true;
      }
    }
    return false;
  }

  /** A device on its way to become a member; it is closed when it does not. */
  private static final class Joining {
    private final BlockDevice device;
    private @Nullable Member member;

    Joining(BlockDevice device) {
      this.device = device;
    }

    Member as(Member made) {
      member = made;
      return made;
    }

    Completion closedUnlessDone(Completion done) {
      return failure -> {
        if (failure != null) {
          (member == null ? device : member.device()).close();
        }
        done.completed(failure);
      };
    }
  }

  /** Something done to a member that there is. */
  @FunctionalInterface
  private interface MemberChange {
    void make(Member member, Completion end) throws DeviceException;
  }

  /** Something done to the array. */
  @FunctionalInterface
  private interface ArrayChange {
    void make(Completion end) throws DeviceException;
  }

  private void withMember(String path, Completion done, MemberChange change) {
    change(
        done,
        end -> {
          Member member = members.withPath(path);
          if (member == null) {
            throw Refusal.because(
                "%s is no member of array %s: there is %s"
                    .formatted(path, name, members.all().stream().map(Member::path).toList()));
          }
          change.make(member, end);
        });
  }

  private void change(Completion done, ArrayChange change) {
    changes.add(ended -> {
      Completion end =
          failure -> {
            ended.run();
            done.completed(failure);
          };
      String why = refusal.get();
      try {
        if (!why.isEmpty()) {
          throw Refusal.because(why);
        }
        change.make(end);
      } catch (DeviceException e) {
        log.info("array {}: refused: {}", name, e.getMessage());
        end.completed(e);
      }
    });
  }
}
