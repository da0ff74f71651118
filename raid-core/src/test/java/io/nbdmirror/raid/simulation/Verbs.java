package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.BitmapTarget;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.assembly.BitmapFile;
import io.nbdmirror.raid.simulation.Coverage.State;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** What an operator asks of a running array, drawn from the seed; refusals are part of it. */
final class Verbs {
  private final Life life;
  private final Mirror mirror;
  private final World world;
  private final SplittableRandom random;
  private int inFlight;
  private boolean changingBitmap;

  Verbs(Life life, Mirror mirror, World world, SplittableRandom random) {
    this.life = life;
    this.mirror = mirror;
    this.world = world;
    this.random = random;
  }

  /** Verbs that were not answered yet. */
  int inFlight() {
    return inFlight;
  }

  boolean isChangingBitmap() {
    return changingBitmap;
  }

  /** One verb; the likelier to repair something the worse the array is. */
  void now() {
    boolean degraded = !life.roles().isComplete();
    switch (random.nextInt(12)) {
      case 0, 1, 2 -> changeBitmap();
      case 3 -> fail();
      case 4 -> remove();
      case 5 -> replace();
      case 6 -> setWriteMostly();
      case 7 -> add();
      default -> {
        if (!degraded) {
          changeBitmap();
        } else if (random.nextInt(3) == 0) {
          remove();
        } else if (random.nextBoolean()) {
          reAdd();
        } else {
          add();
        }
      }
    }
  }

  private Completion answer(State done, State refused) {
    return answer(done, refused, () -> {});
  }

  private Completion answer(State done, State refused, Runnable whenDone) {
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

  private List<String> paths(ArrayStatus.Role role) {
    List<String> paths = new ArrayList<>();
    for (ArrayStatus.Member member : mirror.status().members()) {
      if (member.role() == role && !member.path().isEmpty()) {
        paths.add(member.path());
      }
    }
    return paths;
  }

  private String any(List<String> paths) {
    return paths.isEmpty() ? "" : paths.get(random.nextInt(paths.size()));
  }

  private void fail() {
    String path =
        any(paths(random.nextInt(4) == 0 ? ArrayStatus.Role.REBUILDING : ArrayStatus.Role.IN_SYNC));
    if (!path.isEmpty()) {
      mirror.membership().fail(path, answer(State.MEMBER_FAILED_BY_HAND, State.VERB_REFUSED));
    }
  }

  private void remove() {
    String path =
        any(paths(random.nextInt(4) == 0 ? ArrayStatus.Role.SPARE : ArrayStatus.Role.FAULTY));
    if (!path.isEmpty()) {
      // Until the array has closed it, it is locked.
      life.busy(path);
      mirror
          .membership()
          .remove(path, answer(State.MEMBER_REMOVED, State.VERB_REFUSED, () -> life.reopen(path)));
    }
  }

  private void setWriteMostly() {
    String path = any(paths(ArrayStatus.Role.IN_SYNC));
    if (!path.isEmpty()) {
      mirror
          .membership()
          .setWriteMostly(
              path, random.nextBoolean(), answer(State.WRITE_MOSTLY_SET, State.VERB_REFUSED));
    }
  }

  private void add() {
    SimulatedDevice device = outsider();
    if (device == null || random.nextInt(3) == 0) {
      device = life.newMember();
    }
    if (device != null) {
      String path = device.path();
      // What it held is given up, whether it gets as far as being a member or not.
      world.current.remove(path);
      mirror.membership().add(device, joining(path, State.MEMBER_ADDED, State.ADD_REFUSED));
    }
  }

  private void reAdd() {
    SimulatedDevice device = outsider();
    if (device != null) {
      world.current.remove(device.path());
      mirror
          .membership()
          .reAdd(device, joining(device.path(), State.MEMBER_RE_ADDED, State.RE_ADD_REFUSED));
    }
  }

  private void replace() {
    String old = any(paths(ArrayStatus.Role.IN_SYNC));
    SimulatedDevice device = old.isEmpty() ? null : life.newMember();
    if (device != null) {
      mirror
          .membership()
          .replace(old, device, joining(device.path(), State.MEMBER_REPLACED, State.VERB_REFUSED));
    }
  }

  /** A device that was refused is closed, and can be tried again. */
  private Completion joining(String path, State done, State refused) {
    life.busy(path);
    Completion answer = answer(done, refused);
    return failure -> {
      answer.completed(failure);
      if (failure != null && !life.isDead()) {
        life.reopen(path);
      }
    };
  }

  /** A disk that was a member once and is not in the array now. */
  private @Nullable SimulatedDevice outsider() {
    List<SimulatedDevice> outsiders = new ArrayList<>();
    for (SimulatedDevice device : List.copyOf(life.disks().members)) {
      boolean isIn =
          mirror.status().members().stream()
              .anyMatch(member -> member.path().equals(device.path()));
      if (!isIn && life.isFree(device)) {
        outsiders.add(life.reopen(device.path()));
      }
    }
    return outsiders.isEmpty() ? null : outsiders.get(random.nextInt(outsiders.size()));
  }

  private void changeBitmap() {
    if (!mirror.bitmapChangeRefusal().isEmpty()) {
      return;
    }
    int chunk = Math.max(world.shape.chunkBytes(), 4096) << random.nextInt(2);
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
