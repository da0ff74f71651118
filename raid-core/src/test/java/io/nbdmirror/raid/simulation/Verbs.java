package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.Completion;
import io.nbdmirror.raid.BitmapTarget;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.assembly.BitmapFile;
import io.nbdmirror.raid.simulation.Coverage.State;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.SplittableRandom;

/** What an operator asks of a running array, drawn from the seed; refusals are part of it. */
final class Verbs {
  private static final long BLOCK = 4096;
  private static final int MOST_SLOTS = 5;

  private final Life life;
  private final Mirror mirror;
  private final World world;
  private final SplittableRandom random;
  private final MemberVerbs members;
  private int inFlight;
  private boolean changingBitmap;
  private boolean growing;

  Verbs(Life life, Mirror mirror, World world, SplittableRandom random) {
    this.life = life;
    this.mirror = mirror;
    this.world = world;
    this.random = random;
    members = new MemberVerbs(life, mirror, world, random, this);
  }

  /** Verbs that were not answered yet. */
  int inFlight() {
    return inFlight;
  }

  boolean isChangingBitmap() {
    return changingBitmap;
  }

  boolean isGrowing() {
    return growing;
  }

  /** Whether something was begun that takes further steps. */
  boolean isInTheMiddle() {
    return members.isInTheMiddle();
  }

  /** One verb; the likelier to repair something the worse the array is. */
  void now() {
    if (members.isInTheMiddle()) {
      members.goOn();
      return;
    }
    switch (random.nextInt(22)) {
      case 0, 1, 2 -> changeBitmap();
      case 3 -> members.fail();
      case 4 -> members.remove();
      case 5 -> members.replace();
      case 6, 7 -> members.setWriteMostly();
      case 8 -> members.add();
      case 9 -> check();
      case 10 -> repair();
      case 11 -> mirror.idle(answer(State.CHECK_STOPPED, State.VERB_REFUSED));
      case 12, 13 -> grow();
      case 14 -> setSlots();
      case 15 -> members.leaveAndComeBack();
      default -> {
        if (!life.roles().isComplete()) {
          members.repairSomething();
        } else if (random.nextBoolean()) {
          check();
        } else {
          changeBitmap();
        }
      }
    }
  }

  private void check() {
    mirror.check(answer(State.CHECK_BEGUN, State.VERB_REFUSED));
  }

  private void repair() {
    String from = random.nextBoolean() ? members.anyInSync() : "";
    mirror.repair(from.isEmpty() ? null : from, answer(State.REPAIR_BEGUN, State.VERB_REFUSED));
  }

  /** Into room that is there from a growth that was refused, or after disks became larger. */
  private void grow() {
    Disks disks = life.disks();
    long most = world.shape.mostBytes();
    if (disks.roomBytes() == mirror.sizeBytes() || random.nextInt(4) == 0) {
      long more = Math.min(BLOCK << random.nextInt(5), most - disks.roomBytes());
      if (more == 0) {
        return;
      }
      disks.extend(more, random);
    }
    long blocks = (disks.roomBytes() - mirror.sizeBytes()) / BLOCK;
    if (growing || blocks == 0) {
      return;
    }
    long size = mirror.sizeBytes() + BLOCK * (1 + random.nextLong(blocks));
    world.expected.forget(mirror.sizeBytes(), size - mirror.sizeBytes());
    growing = true;
    Completion answer = answer(State.ARRAY_GROWN, State.GROWTH_REFUSED);
    mirror.grow(
        size,
        false,
        failure -> {
          growing = false;
          answer.completed(failure);
        });
  }

  private void setSlots() {
    int slots = 0;
    for (ArrayStatus.Member member : mirror.status().members()) {
      slots = Math.max(slots, member.slot() + 1);
    }
    int wanted = random.nextInt(3) == 0 && slots < MOST_SLOTS ? slots + 1 : slots - 1;
    if (wanted > 0) {
      mirror.membership().setSlots(wanted, answer(State.SLOTS_SET, State.VERB_REFUSED));
    }
  }

  Completion answer(State done, State refused) {
    return answer(done, refused, () -> {});
  }

  Completion answer(State done, State refused, Runnable whenDone) {
    inFlight++;
    return failure -> {
      inFlight--;
      if (!life.isDead()) {
        life.tally().mix(failure == null ? 5 : 6);
        life.coverage().reached(failure == null ? done : refused);
        if (failure == null) {
          whenDone.run();
        }
      }
    };
  }

  private void changeBitmap() {
    if (!mirror.bitmapChangeRefusal().isEmpty()) {
      return;
    }
    int chunk = Math.max(world.shape.chunkBytes(), 4096) << random.nextInt(3);
    BitmapTarget target =
        switch (random.nextInt(4)) {
          case 0 -> BitmapTarget.NONE;
          case 1, 2 -> BitmapTarget.onMembers(chunk);
          default -> BitmapTarget.inFile(new BitmapFile(life.newFile(chunk), true), chunk);
        };
    changingBitmap = true;
    Completion answer = answer(State.BITMAP_CHANGED, State.BITMAP_CHANGE_REFUSED_BY_A_FAULT);
    mirror.changeBitmap(
        target,
        failure -> {
          changingBitmap = false;
          answer.completed(failure);
        });
  }
}
