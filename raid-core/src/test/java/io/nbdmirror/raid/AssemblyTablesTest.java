package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.nbdmirror.raid.creation.ArrayCreation;
import io.nbdmirror.raid.creation.NewArray;
import io.nbdmirror.raid.creation.SuperblockRemoval;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.status.ArrayStatus.Role;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Arrays of every size in every version of the metadata: who is in them, whoever is given. */
class AssemblyTablesTest {
  private static final int SIZE = 512 << 10;
  private static final int CHUNK = 64 << 10;

  /** More than any version takes beside the data. */
  private static final int METADATA = 2 << 20;

  static Stream<Arguments> versionsAndMembers() {
    return rows(1);
  }

  /** One member has no halves. */
  static Stream<Arguments> versionsAndHalves() {
    return rows(2);
  }

  private static Stream<Arguments> rows(int least) {
    return IntStream.rangeClosed(0, 2)
        .boxed()
        .flatMap(minor ->
            IntStream.rangeClosed(least, 16).mapToObj(members -> Arguments.of(minor, members)));
  }

  static Stream<Arguments> versionsAndMissingSlots() {
    return IntStream.rangeClosed(0, 2)
        .boxed()
        .flatMap(minor ->
            Stream.of("-m", "m-", "--m", "-m-", "m--", "m-m-", "-mmm", "m-------m-------")
                .map(slots -> Arguments.of(minor, slots)));
  }

  /** As many members as letters; a dash is a slot without one. */
  private static TestArray created(int minor, String slots) {
    TestArray array = new TestArray(minor + 1, 0, SIZE, CHUNK);
    List<ArrayCreation.Slot> given = new ArrayList<>();
    List<UUID> uuids = new ArrayList<>();
    for (int slot = 0; slot < slots.length(); slot++) {
      uuids.add(new UUID(7, slot));
      if (slots.charAt(slot) == '-') {
        given.add(new ArrayCreation.Slot(null, false));
      } else {
        SimulatedDevice device = device(array, "member" + slot);
        array.devices.add(device);
        given.add(new ArrayCreation.Slot(device, false));
      }
    }
    ArrayCreation.create(
        new NewArray(
            "test",
            TestArray.ARRAY,
            minor,
            SIZE,
            NewArray.Bitmap.INTERNAL,
            CHUNK,
            5,
            0,
            true,
            uuids),
        given,
        false,
        false,
        1,
        (layout, failure) -> assertThat(failure).isNull());
    array.scheduler.runUntilIdle();
    return array;
  }

  private static SimulatedDevice device(TestArray array, String path) {
    return new SimulatedDevice(SimulatedDisk.of(path, SIZE + METADATA), array.scheduler, 3);
  }

  @ParameterizedTest
  @MethodSource("versionsAndMembers")
  void allMembersInAnyOrderAreInSync(int minor, int count) {
    TestArray array = created(minor, "m".repeat(count));
    Mirror mirror = array.assemble();
    assertThat(roles(mirror)).hasSize(count).containsOnly(Role.IN_SYNC);
    ArrayClient client = new ArrayClient(array, mirror);
    assertThat(client.write(4096, 8192, 'a')).isNull();
    assertThat(client.stop()).isNull();

    TestArray later = array.afterCut(4, true);
    Collections.reverse(later.devices);
    Mirror again = later.assemble();
    assertThat(roles(again)).hasSize(count).containsOnly(Role.IN_SYNC);
    assertThat(again.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
    assertThat(new ArrayClient(later, again).read(4096, 8192)).containsOnly('a');
  }

  @ParameterizedTest
  @MethodSource("versionsAndMembers")
  void oneThatIsNotGivenIsMissedAndItsSlotStaysEmpty(int minor, int count) {
    for (int absent : new TreeSet<>(List.of(0, count / 2, count - 1))) {
      TestArray array = created(minor, "m".repeat(count));
      List<SimulatedDevice> given = new ArrayList<>(array.devices);
      given.remove(absent);
      if (given.isEmpty()) {
        assertThat(array.refusal(given, true)).hasMessageContaining("no member was given");
        return;
      }
      assertThat(array.refusal(given, false))
          .hasMessageContaining("lacks 1 of %d members", count)
          .hasMessageContaining("--degraded");
      Mirror mirror = array.assemble(given, true);
      assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.DEGRADED);
      for (ArrayStatus.Member member : mirror.status().members()) {
        assertThat(member.role() == Role.MISSING).isEqualTo(member.slot() == absent);
      }
      assertThat(new ArrayClient(array, mirror).stop()).isNull();

      TestArray later = array.afterCut(4, true);
      Mirror again = later.assemble(later.devices, false);
      assertThat(again.status().members())
          .as("with the one that was left out")
          .filteredOn(member -> member.role() == Role.IN_SYNC)
          .hasSize(count - 1);
    }
  }

  @ParameterizedTest
  @MethodSource("versionsAndMissingSlots")
  void slotsMadeEmptyStayEmptyUntilTheyAreFilled(int minor, String slots) {
    TestArray array = created(minor, slots);
    Mirror mirror = array.assemble();
    assertThat(asLetters(mirror)).isEqualTo(slots);
    ArrayClient client = new ArrayClient(array, mirror);
    assertThat(client.write(0, SIZE, 'a')).isNull();

    SimulatedDevice fresh = device(array, "fresh");
    mirror.membership().add(fresh, failure -> assertThat(failure).isNull());
    array.scheduler.advance(30_000_000_000L);
    assertThat(asLetters(mirror)).isEqualTo(slots.replaceFirst("-", "m"));
    assertThat(client.stop()).isNull();

    array.devices.add(fresh);
    TestArray later = array.afterCut(4, true);
    assertThat(asLetters(later.assemble())).isEqualTo(slots.replaceFirst("-", "m"));
  }

  private static String asLetters(Mirror mirror) {
    StringBuilder letters = new StringBuilder();
    for (Role role : roles(mirror)) {
      letters.append(role == Role.IN_SYNC ? 'm' : role == Role.MISSING ? '-' : '?');
    }
    return letters.toString();
  }

  /** Halves of one array that were each written to alone, however many members a half has. */
  @ParameterizedTest
  @MethodSource("versionsAndHalves")
  void halvesThatWereEachWrittenToAloneAreRefused(int minor, int count) {
    for (int cut : new TreeSet<>(List.of(1, count / 2, count - 1))) {
      TestArray whole = created(minor, "m".repeat(count));
      TestArray lower = writtenAlone(whole, 0, cut, 1);
      // More often than the other: a higher count is no reason to believe it.
      TestArray upper = writtenAlone(whole, cut, count, 5);
      SimulatedScheduler later = new SimulatedScheduler(9);
      List<SimulatedDevice> devices = new ArrayList<>();
      lower.devices.forEach(device -> devices.add(device.forkAfterPowerCut(1, later)));
      upper.devices.forEach(device -> devices.add(device.forkAfterPowerCut(1, later)));
      TestArray split = new TestArray(whole, later, devices);
      assertThat(split.refusal(devices, true))
          .hasMessageContaining("array test is split: member")
          .hasMessageContaining("nbdmirror zero-superblock");

      // As it is told.
      for (SimulatedDevice device : devices.subList(cut, count)) {
        SuperblockRemoval.remove(device, (removed, failure) -> assertThat(failure).isNull());
      }
      later.runUntilIdle();
      Mirror kept = split.assemble(devices.subList(0, cut), false);
      assertThat(new ArrayClient(split, kept).read(0, 512)).containsOnly('a');
    }
  }

  private static TestArray writtenAlone(TestArray whole, int from, int to, int times) {
    TestArray half = whole.afterCut(2, true);
    List<SimulatedDevice> devices = List.copyOf(half.devices.subList(from, to));
    half.devices.clear();
    half.devices.addAll(devices);
    Mirror mirror = half.assemble(devices, true);
    ArrayClient client = new ArrayClient(half, mirror);
    for (int time = 0; time < times; time++) {
      assertThat(client.write(0, 4096, from == 0 ? 'a' : 'b')).isNull();
    }
    assertThat(client.stop()).isNull();
    return half;
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void aReplacementThatIsUnderWayGoesOnBesideItsOriginal(int minor) {
    TestArray pair = replacementUnderWay(minor);
    Mirror both = pair.assemble();
    assertThat(roles(both)).containsExactly(Role.IN_SYNC, Role.IN_SYNC, Role.REBUILDING);
    pair.scheduler.advance(60_000_000_000L);
    assertThat(both.status().members())
        .filteredOn(member -> member.role() == Role.IN_SYNC)
        .extracting(ArrayStatus.Member::path)
        .containsExactlyInAnyOrder("fresh", "member1");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void withoutItsOriginalAReplacementIsAMemberThatLacksData(int minor) {
    TestArray pair = replacementUnderWay(minor);
    List<SimulatedDevice> given = pair.devices.subList(1, 3);
    assertThat(pair.refusal(given, false)).hasMessageContaining("--degraded");
    Mirror mirror = pair.assemble(given, true);
    assertThat(roles(mirror)).containsExactly(Role.REBUILDING, Role.IN_SYNC);
    assertThat(pair.refusal(pair.devices.subList(2, 3), true))
        .hasMessageContaining("has no member in sync");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void withoutTheReplacementTheArrayIsComplete(int minor) {
    TestArray pair = replacementUnderWay(minor);
    List<SimulatedDevice> given = pair.devices.subList(0, 2);
    assertThat(pair.refusal(given, false)).hasMessageContaining("--degraded");
    assertThat(roles(pair.assemble(given, true))).containsExactly(Role.IN_SYNC, Role.IN_SYNC);
  }

  /** The replacement of member0 is the third device; stopped in the middle. */
  private static TestArray replacementUnderWay(int minor) {
    TestArray array = created(minor, "mm");
    Mirror mirror = array.assemble();
    ArrayClient client = new ArrayClient(array, mirror);
    assertThat(client.write(0, SIZE, 'a')).isNull();
    mirror.setSyncSpeed(0, 16 << 10);
    SimulatedDevice fresh = device(array, "fresh");
    mirror.membership().replace("member0", fresh, failure -> assertThat(failure).isNull());
    client.settle();
    assertThat(client.stop()).isNull();
    array.devices.add(fresh);
    return array.afterCut(4, true);
  }

  private static List<Role> roles(Mirror mirror) {
    return mirror.status().members().stream().map(ArrayStatus.Member::role).toList();
  }
}
