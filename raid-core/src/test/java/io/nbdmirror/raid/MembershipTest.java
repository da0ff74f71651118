package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.status.ArrayStatus.Role;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Members that fail, leave, come, come back and are replaced while the array runs. */
class MembershipTest {
  private static final int SIZE = 4 << 20;
  private static final int CHUNK = 64 << 10;
  private static final long SECOND = 1_000_000_000L;

  private final TestArray array = new TestArray(8, 2, SIZE, CHUNK);
  private final Mirror mirror = array.assemble();
  private final ArrayClient client = new ArrayClient(array, mirror);
  private final List<String> events = new ArrayList<>();

  MembershipTest() {
    mirror.onEvent(event -> events.add(event.kind().word()));
  }

  @Test
  void aFailedMemberThatIsAddedAnewGetsEverythingCopied() {
    client.write(0, SIZE, 'a');
    SimulatedDevice lost = array.devices.get(1);
    assertThat(fail("member1")).isNull();
    assertThat(remove("member1")).isNull();
    client.write(3 * CHUNK, 4096, 'b');
    SimulatedDevice fresh = newDevice("fresh", array.scheduler);
    assertThat(add(fresh)).isNull();
    settle();
    assertThat(roles()).containsExactly(Role.IN_SYNC, Role.IN_SYNC);
    assertThat(data(fresh)).isEqualTo(array.dataOf(0));
    assertThat(mirror.status().sync().copiedBytes()).isEqualTo(SIZE);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
    assertThat(events)
        .containsSubsequence(
            "Fail",
            "MemberRemoved",
            "MemberAdded",
            "RebuildStarted",
            "SpareActive",
            "RebuildFinished");
    assertThat(lost.isClosed()).isTrue();
    MdSuperblock superblock = superblock(fresh);
    assertThat(superblock.featureMap()).isEqualTo(MdSuperblock.FEATURE_BITMAP_OFFSET);
    assertThat(superblock.devNumber()).isEqualTo(1);
    assertThat(superblock.events()).isEqualTo(array.superblock(0).events());
  }

  @Test
  void whatIsWrittenDuringARecoveryReachesTheNewMember() {
    client.write(0, SIZE, 'a');
    fail("member1");
    remove("member1");
    SimulatedDevice fresh = newDevice("fresh", array.scheduler);
    mirror.membership().add(fresh, failure -> assertThat(failure).isNull());
    int number = 0;
    while (!roles().equals(List.of(Role.IN_SYNC, Role.IN_SYNC))) {
      client.submit(number * (37L * 512) % (SIZE - 8192), 8192, number);
      array.scheduler.advance(100_000);
      number++;
    }
    assertThat(number).as("writes while it was being rebuilt").isGreaterThan(10);
    settle();
    assertThat(data(fresh)).isEqualTo(array.dataOf(0));
  }

  @Test
  void aMemberComesBackWithOnlyTheMarkedChunksCopied() {
    client.write(0, SIZE, 'a');
    settle();
    SimulatedDevice gone = array.devices.get(1);
    fail("member1");
    remove("member1");
    client.write(3 * CHUNK, 4096, 'b');
    client.write(40 * CHUNK + 100, 10, 'c');
    settle();
    assertThat(mirror.status().bitmap().dirtyChunks()).isEqualTo(2);
    SimulatedDevice back = reopened(gone);
    assertThat(reAdd(back)).isNull();
    settle();
    assertThat(roles()).containsExactly(Role.IN_SYNC, Role.IN_SYNC);
    assertThat(data(back)).isEqualTo(array.dataOf(0));
    assertThat(mirror.status().sync().copiedBytes()).isEqualTo(2 * CHUNK);
    assertThat(mirror.status().bitmap().dirtyChunks()).isZero();
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
  }

  /** The hole that md has: bits cleared by a recovery, no write after it, and then the old one. */
  @Test
  void aMemberThatAnotherHasStoodInForIsNotTakenBackByTheBitmap() {
    client.write(0, SIZE, 'a');
    settle();
    SimulatedDevice gone = array.devices.get(1);
    fail("member1");
    remove("member1");
    client.write(3 * CHUNK, 4096, 'b');
    add(newDevice("standin", array.scheduler));
    settle();
    assertThat(mirror.status().bitmap().dirtyChunks()).as("cleared by the recovery").isZero();
    fail("standin");
    remove("standin");
    DeviceException refusal = reAdd(reopened(gone));
    assertThat(refusal)
        .hasMessageContaining("cannot be re-added")
        .hasMessageContaining("bits have been cleared")
        .hasMessageContaining("nbdmirror add test member1");
    assertThat(roles()).containsExactly(Role.IN_SYNC, Role.MISSING);
  }

  @Test
  void aMemberThatWasWrittenToAloneIsNotTakenBackByTheBitmap() {
    client.write(0, SIZE, 'a');
    client.stop();
    TestArray apart = array.afterCut(99, false);
    Mirror alone = apart.assemble(List.of(apart.devices.get(1)), true);
    new ArrayClient(apart, alone).write(5 * CHUNK, 4096, 'x');
    new ArrayClient(apart, alone).stop();
    TestArray later = array.afterCut(98, false);
    Mirror rest = later.assemble(List.of(later.devices.getFirst()), true);
    SimulatedDevice other = apart.devices.get(1).forkAfterProcessKill(3, later.scheduler);
    List<@Nullable DeviceException> answers = new ArrayList<>();
    rest.membership().reAdd(other, answers::add);
    later.scheduler.advance(SECOND);
    assertThat(answers).hasSize(1);
    assertThat(answers.getFirst()).hasMessageContaining("written to without the others");
  }

  @Test
  void aSpareTakesTheSlotOfAMemberThatFails() {
    client.write(0, SIZE, 'a');
    SimulatedDevice spare = newDevice("spare", array.scheduler);
    assertThat(add(spare)).isNull();
    settle();
    assertThat(roles()).containsExactly(Role.IN_SYNC, Role.IN_SYNC, Role.SPARE);
    assertThat(superblock(spare).role(superblock(spare).devNumber()))
        .isEqualTo(MdSuperblock.ROLE_SPARE);
    array.devices.get(1).inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE));
    client.write(CHUNK, 4096, 'b');
    settle();
    assertThat(roles()).containsExactly(Role.IN_SYNC, Role.IN_SYNC, Role.FAULTY);
    assertThat(data(spare)).isEqualTo(array.dataOf(0));
  }

  @Test
  void aMemberIsReplacedWhileItGoesOnServing() {
    client.write(0, SIZE, 'a');
    settle();
    SimulatedDevice fresh = newDevice("fresh", array.scheduler);
    List<@Nullable DeviceException> answers = new ArrayList<>();
    mirror.membership().replace("member1", fresh, answers::add);
    int number = 0;
    while (!mirror.status().sync().action().equals(SyncAction.IDLE) || number < 3) {
      client.submit(number * (41L * 512) % (SIZE - 8192), 8192, number);
      array.scheduler.advance(100_000);
      assertThat(mirror.status().state()).isNotEqualTo(ArrayStatus.State.DEGRADED);
      number++;
    }
    settle();
    assertThat(answers).containsExactly((DeviceException) null);
    assertThat(mirror.status().members().get(1).path()).isEqualTo("fresh");
    assertThat(roles()).containsExactly(Role.IN_SYNC, Role.IN_SYNC, Role.FAULTY);
    assertThat(data(fresh)).isEqualTo(array.dataOf(0));
    assertThat(remove("member1")).isNull();
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
  }

  @Test
  void aReplacementInheritsTheSlotOfAMemberThatFailsMeanwhile() {
    client.write(0, SIZE, 'a');
    SimulatedDevice fresh = newDevice("fresh", array.scheduler);
    mirror.membership().replace("member1", fresh, failure -> assertThat(failure).isNull());
    array.scheduler.advance(2_000_000);
    fail("member1");
    settle();
    assertThat(mirror.status().members().get(1).path()).isEqualTo("fresh");
    assertThat(roles()).containsExactly(Role.IN_SYNC, Role.IN_SYNC, Role.FAULTY);
    assertThat(data(fresh)).isEqualTo(array.dataOf(0));
  }

  @Test
  void aThirdMirrorIsAddedAndTakenAwayAgain() {
    client.write(0, SIZE, 'a');
    SimulatedDevice third = newDevice("third", array.scheduler);
    add(third);
    assertThat(await(done -> mirror.membership().setSlots(3, done))).isNull();
    settle();
    assertThat(roles()).containsExactly(Role.IN_SYNC, Role.IN_SYNC, Role.IN_SYNC);
    assertThat(data(third)).isEqualTo(array.dataOf(0));
    assertThat(array.superblock(0).raidDisks()).isEqualTo(3);
    assertThat(await(done -> mirror.membership().setSlots(2, done)))
        .hasMessageContaining("third is in slot 2");
    fail("third");
    remove("third");
    assertThat(await(done -> mirror.membership().setSlots(2, done))).isNull();
    settle();
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
    assertThat(array.superblock(0).raidDisks()).isEqualTo(2);
  }

  @Test
  void whatCannotBeDoneIsSaidAndChangesNothing() {
    long eventsBefore = array.superblock(0).events();
    assertThat(fail("nobody")).hasMessageContaining("is no member of array test");
    assertThat(remove("member0")).hasMessageContaining("fail it first");
    SimulatedDevice small =
        new SimulatedDevice(SimulatedDisk.of("small", SIZE), array.scheduler, 5);
    assertThat(add(small)).hasMessageContaining("a member of this array needs");
    assertThat(add(newDevice("member1", array.scheduler)))
        .hasMessageContaining("is a member of array test");
    assertThat(reAdd(newDevice("blank", array.scheduler)))
        .hasMessageContaining("carries no md superblock");
    assertThat(array.superblock(0).events()).isEqualTo(eventsBefore);
    fail("member1");
    assertThat(fail("member0")).hasMessageContaining("only member");
  }

  @Test
  void aDeviceThatCannotBeWrittenIsNotTakenIn() {
    fail("member1");
    remove("member1");
    SimulatedDevice bad = newDevice("bad", array.scheduler);
    bad.inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE));
    assertThat(add(bad)).hasMessageContaining("bad cannot be written");
    assertThat(roles()).containsExactly(Role.IN_SYNC, Role.MISSING);
    assertThat(client.write(0, 4096, 'z')).isNull();
  }

  /** J4's way: a power cut at every write of a recovery, then all of it again. */
  @Test
  void aRecoveryThatIsCutAnywhereIsTakenUpAgain() {
    client.write(0, SIZE, 'a');
    settle();
    SimulatedDevice gone = array.devices.get(1);
    fail("member1");
    remove("member1");
    client.write(3 * CHUNK, 3 * CHUNK, 'b');
    settle();
    SimulatedDevice back = reopened(gone);
    List<SimulatedDevice> disks = List.of(array.devices.getFirst(), back);
    int[] cuts = {0, 0};
    for (SimulatedDevice disk : disks) {
      disk.listen((ignored, event) -> {
        if (changes(event)) {
          cuts[0]++;
          cuts[1] += resumed(disks, cuts[0]) ? 1 : 0;
        }
      });
    }
    assertThat(reAdd(back)).isNull();
    settle();
    assertThat(cuts[0]).isGreaterThan(20);
    assertThat(cuts[1]).as("cuts that found it being rebuilt").isGreaterThan(5);
  }

  /** The others may know already what its own superblock does not say yet. */
  @Test
  void aReplacementThatIsCutAnywhereIsTakenUpAgainOrASpare() {
    client.write(0, SIZE, 'a');
    settle();
    SimulatedDevice fresh = newDevice("fresh", array.scheduler);
    List<SimulatedDevice> disks = List.of(array.devices.get(0), array.devices.get(1), fresh);
    Set<Role> found = EnumSet.noneOf(Role.class);
    int[] cuts = {0};
    for (SimulatedDevice disk : disks) {
      disk.listen((ignored, event) -> {
        if (changes(event) && superblock(fresh).magic() == MdSuperblock.MAGIC) {
          found.add(replacedAfterCut(disks, ++cuts[0]));
        }
      });
    }
    mirror.membership().replace("member1", fresh, failure -> assertThat(failure).isNull());
    settle();
    assertThat(found).contains(Role.SPARE, Role.REBUILDING, Role.IN_SYNC);
  }

  /** What the new member is after the cut; nothing is lost, and in the end all are the same. */
  private Role replacedAfterCut(List<SimulatedDevice> disks, int seed) {
    SimulatedScheduler later = new SimulatedScheduler(seed);
    List<SimulatedDevice> after = new ArrayList<>();
    for (SimulatedDevice disk : disks) {
      after.add(disk.forkAfterPowerCut(seed, later));
    }
    Mirror again = new TestArray(array, later, after).assemble(after, false);
    Role role = roleOf(again, "fresh");
    later.advance(30 * SECOND);
    for (int i = 0; i < disks.size(); i++) {
      if (roleOf(again, disks.get(i).path()) == Role.IN_SYNC) {
        assertThat(data(after.get(i))).as("cut %d", seed).isEqualTo(data(disks.get(0)));
      }
    }
    assertThat(again.status().members()).filteredOn(m -> m.role() == Role.IN_SYNC).hasSize(2);
    return role;
  }

  private static Role roleOf(Mirror mirror, String path) {
    return mirror.status().members().stream()
        .filter(member -> member.path().equals(path))
        .map(ArrayStatus.Member::role)
        .findFirst()
        .orElse(Role.MISSING);
  }

  private static boolean changes(DeviceEvent event) {
    return event.operation() != Operation.READ && event.operation() != Operation.EXTENTS;
  }

  /** Whether it was found being rebuilt; in the end members are the same in any case. */
  private boolean resumed(List<SimulatedDevice> disks, int seed) {
    SimulatedScheduler later = new SimulatedScheduler(seed);
    List<SimulatedDevice> after = new ArrayList<>();
    for (SimulatedDevice disk : disks) {
      after.add(disk.forkAfterPowerCut(seed, later));
    }
    TestArray next = new TestArray(array, later, after);
    Mirror again = next.assemble(after, false);
    boolean rebuilding = again.status().members().get(1).role() == Role.REBUILDING;
    later.advance(30 * SECOND);
    if (again.status().members().get(1).role() == Role.IN_SYNC) {
      assertThat(data(after.get(1))).as("cut %d", seed).isEqualTo(data(after.get(0)));
    }
    if (rebuilding) {
      assertThat(again.status().members().get(1).role()).isEqualTo(Role.IN_SYNC);
      assertThat(again.status().sync().copiedBytes()).isLessThanOrEqualTo(SIZE);
    }
    return rebuilding;
  }

  private void settle() {
    array.scheduler.advance(30 * SECOND);
  }

  private List<Role> roles() {
    return mirror.status().members().stream().map(ArrayStatus.Member::role).toList();
  }

  private @Nullable DeviceException fail(String path) {
    return await(done -> mirror.membership().fail(path, done));
  }

  private @Nullable DeviceException remove(String path) {
    return await(done -> mirror.membership().remove(path, done));
  }

  private @Nullable DeviceException add(SimulatedDevice device) {
    return await(done -> mirror.membership().add(device, done));
  }

  private @Nullable DeviceException reAdd(SimulatedDevice device) {
    return await(done -> mirror.membership().reAdd(device, done));
  }

  private @Nullable DeviceException await(Consumer<Completion> request) {
    List<@Nullable DeviceException> answers = new ArrayList<>();
    request.accept(answers::add);
    array.scheduler.advance(SECOND / 10);
    assertThat(answers).hasSize(1);
    return answers.getFirst();
  }

  private static SimulatedDevice newDevice(String name, SimulatedScheduler scheduler) {
    return new SimulatedDevice(
        SimulatedDisk.of(name, TestArray.DATA_OFFSET_BYTES + SIZE), scheduler, name.hashCode());
  }

  /** The disk that was taken away, plugged in again. */
  private SimulatedDevice reopened(SimulatedDevice device) {
    return device.forkAfterProcessKill(7, array.scheduler);
  }

  private static byte[] data(SimulatedDevice device) {
    return device.readNow(TestArray.DATA_OFFSET_BYTES, SIZE);
  }

  private static MdSuperblock superblock(SimulatedDevice device) {
    return MdSuperblock.wrap(ByteBuffer.wrap(device.readNow(4096, MdSuperblock.BYTES)));
  }
}
