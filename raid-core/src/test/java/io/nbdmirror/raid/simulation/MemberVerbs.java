package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.simulation.Coverage.State;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** What an operator asks of a running array about its members. */
final class MemberVerbs {
  /** A recovery ends in it, and bits are cleared after it. */
  private static final long LONG_NANOS = 16_000_000_000L;

  private final Life life;
  private final Mirror mirror;
  private final World world;
  private final SplittableRandom random;
  private final Verbs verbs;

  /** What is left of something that takes several steps. */
  private final ArrayDeque<Runnable> steps = new ArrayDeque<>();

  MemberVerbs(Life life, Mirror mirror, World world, SplittableRandom random, Verbs verbs) {
    this.life = life;
    this.mirror = mirror;
    this.world = world;
    this.random = random;
    this.verbs = verbs;
  }

  /** Whether something was begun that takes further steps. */
  boolean isInTheMiddle() {
    return !steps.isEmpty();
  }

  /** Takes the next step of what was begun. */
  void goOn() {
    steps.remove().run();
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

  String anyInSync() {
    return any(paths(ArrayStatus.Role.IN_SYNC));
  }

  private String any(List<String> paths) {
    return paths.isEmpty() ? "" : paths.get(random.nextInt(paths.size()));
  }

  void fail() {
    String path =
        any(paths(random.nextInt(4) == 0 ? ArrayStatus.Role.REBUILDING : ArrayStatus.Role.IN_SYNC));
    if (!path.isEmpty()) {
      fail(path);
    }
  }

  private void fail(String path) {
    mirror.membership().fail(path, verbs.answer(State.MEMBER_FAILED_BY_HAND, State.VERB_REFUSED));
  }

  void remove() {
    String path =
        any(paths(random.nextInt(4) == 0 ? ArrayStatus.Role.SPARE : ArrayStatus.Role.FAULTY));
    if (!path.isEmpty()) {
      remove(path);
    }
  }

  private void remove(String path) {
    // Until the array has closed it, it is locked.
    life.busy(path);
    Completion answer =
        verbs.answer(State.MEMBER_REMOVED, State.VERB_REFUSED, () -> life.reopen(path));
    mirror
        .membership()
        .remove(
            path,
            failure -> {
              answer.completed(failure);
              if (failure != null) {
                life.notBusy(path);
              }
            });
  }

  void setWriteMostly() {
    String path = anyInSync();
    if (!path.isEmpty()) {
      mirror
          .membership()
          .setWriteMostly(
              path, random.nextBoolean(), verbs.answer(State.WRITE_MOSTLY_SET, State.VERB_REFUSED));
    }
  }

  void add() {
    SimulatedDevice device = outsider();
    if (device == null || random.nextInt(3) == 0) {
      device = life.newMember();
    }
    add(device);
  }

  private void add(@Nullable SimulatedDevice device) {
    if (device != null) {
      String path = device.path();
      // What it held is given up, whether it gets as far as being a member or not.
      world.current.remove(path);
      mirror.membership().add(device, joining(path, State.MEMBER_ADDED, State.ADD_REFUSED));
    }
  }

  void reAdd() {
    SimulatedDevice device = outsider();
    if (device != null) {
      reAdd(device);
    }
  }

  private void reAdd(SimulatedDevice device) {
    world.current.remove(device.path());
    mirror
        .membership()
        .reAdd(device, joining(device.path(), State.MEMBER_RE_ADDED, State.RE_ADD_REFUSED));
  }

  void replace() {
    String old = anyInSync();
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
    Completion answer = verbs.answer(done, refused);
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
      if (isOutside(device)) {
        outsiders.add(life.reopen(device.path()));
      }
    }
    return outsiders.isEmpty() ? null : outsiders.get(random.nextInt(outsiders.size()));
  }

  private boolean isOutside(SimulatedDevice device) {
    return life.isFree(device)
        && mirror.status().members().stream()
            .noneMatch(member -> member.path().equals(device.path()));
  }

  /** What an operator of a degraded array tries. */
  void repairSomething() {
    if (random.nextInt(3) == 0) {
      remove();
    } else if (random.nextBoolean()) {
      reAdd();
    } else {
      add();
    }
  }

  /**
   * A member leaves, another is rebuilt in its place, bits are cleared, that one leaves too, and
   * the first is tried again: events_cleared must tell that no bitmap knows what it lacks (I2).
   */
  void leaveAndComeBack() {
    String first = anyInSync();
    if (first.isEmpty()) {
      return;
    }
    steps.add(() -> fail(first));
    steps.add(() -> remove(first));
    steps.add(() -> add(life.newMember()));
    if (random.nextBoolean()) {
      // Not long enough for all of it, and so it is cut short somewhere else each time.
      steps.add(() -> life.pause(random.nextLong(LONG_NANOS)));
    }
    steps.add(() -> life.pause(LONG_NANOS));
    steps.add(() -> {
      String second = anyInSync();
      fail(second);
      steps.addFirst(() -> remove(second));
    });
    steps.add(() -> {
      SimulatedDevice device = life.disks().member(first);
      if (device != null && isOutside(device)) {
        life.coverage().reached(State.FORMER_MEMBER_TRIED_AFTER_A_RECOVERY);
        reAdd(life.reopen(first));
      }
    });
  }
}
