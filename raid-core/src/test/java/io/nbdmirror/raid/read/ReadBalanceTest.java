package io.nbdmirror.raid.read;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.MemberState;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Whom a read goes to where all members have the same. */
class ReadBalanceTest {
  private static final long MILLI = 1_000_000;

  private final SimulatedScheduler scheduler = new SimulatedScheduler(1);
  private final List<Member> list = new ArrayList<>();
  private final Members members = threeMembers();
  private final ReadBalance balance = new ReadBalance(members);

  private Members threeMembers() {
    for (int slot = 0; slot < 3; slot++) {
      MdSuperblock superblock = MdSuperblock.blank();
      superblock.setBblogSize(8);
      superblock.setBblogOffset(8);
      SimulatedDevice device =
          new SimulatedDevice(SimulatedDisk.of("member" + slot, 1 << 20), scheduler, slot);
      list.add(new Member(device, superblock, slot, MemberState.IN_SYNC));
    }
    return new Members(list, 3);
  }

  @Test
  void aRandomReadGoesToTheLeastLoaded() {
    assertThat(chosen(0)).isEqualTo(0);
    list.get(0).readStarted();
    assertThat(chosen(999_424)).isEqualTo(1);
    list.get(1).readStarted();
    list.get(2).readStarted();
    list.get(2).readStarted();
    list.get(1).readEnded();
    assertThat(chosen(499_712)).isEqualTo(1);
  }

  @Test
  void aStreamStaysWithItsMemberWhileOthersAreLessLoaded() {
    assertThat(chosen(0)).isEqualTo(0);
    list.get(0).readStarted();
    assertThat(chosen(4096)).isEqualTo(0);
    assertThat(chosen(8192)).isEqualTo(0);
  }

  @Test
  void eachOfSeveralStreamsHasItsOwnMember() {
    assertThat(chosen(0)).isEqualTo(0);
    list.get(0).readStarted();
    assertThat(chosen(1 << 19)).isEqualTo(1);
    list.get(1).readStarted();
    for (int i = 1; i < 20; i++) {
      assertThat(chosen(i * 4096L)).isEqualTo(0);
      assertThat(chosen((1 << 19) + i * 4096L)).isEqualTo(1);
    }
  }

  @Test
  void aStreamIsNotForgottenAmongRandomReads() {
    chosen(0);
    list.get(0).readStarted();
    assertThat(chosen(4096)).isEqualTo(0);
    for (int i = 0; i < 500; i++) {
      chosen((1 << 20) + i * 8192L);
    }
    assertThat(chosen(8192)).isEqualTo(0);
  }

  @Test
  void aLongStreamMovesOnToAMemberThatHasNothingToDo() {
    long at = 0;
    chosen(at);
    list.get(0).readStarted();
    for (; at < ReadBalance.STREAM_BYTES - 4096; at += 4096) {
      assertThat(chosen(at + 4096)).isEqualTo(0);
    }
    assertThat(chosen(at + 4096)).isEqualTo(1);
    list.get(1).readStarted();
    assertThat(chosen(at + 8192)).as("the new run has just begun").isEqualTo(1);
  }

  @Test
  void writeMostlyMembersAreReadLast() {
    list.get(0).superblock().setDevflags(MdSuperblock.DEVFLAG_WRITE_MOSTLY);
    list.get(1).readStarted();
    list.get(2).readStarted();
    assertThat(chosen(0)).isEqualTo(1);
    list.get(1).setState(MemberState.FAULTY);
    list.get(2).setState(MemberState.REBUILDING);
    assertThat(chosen(0)).isEqualTo(0);
  }

  @Test
  void aMemberThatIsMuchSlowerThanAnotherComesAfterThose() {
    sample(0, 20 * MILLI);
    sample(1, MILLI);
    list.get(1).readStarted();
    list.get(2).readStarted();
    assertThat(chosen(0)).isEqualTo(1);
    for (int i = 0; i < 60; i++) {
      sample(0, MILLI);
    }
    assertThat(chosen(1 << 19)).as("it has come back").isEqualTo(0);
  }

  @Test
  void aStreamLeavesAMemberThatHasBecomeSlow() {
    assertThat(chosen(0)).isEqualTo(0);
    sample(0, 20 * MILLI);
    sample(1, MILLI);
    assertThat(chosen(4096)).isEqualTo(1);
  }

  @Test
  void aSlowMemberIsReadRatherThanAWriteMostlyOne() {
    sample(0, 20 * MILLI);
    sample(1, MILLI);
    list.get(1).superblock().setDevflags(MdSuperblock.DEVFLAG_WRITE_MOSTLY);
    list.get(2).setState(MemberState.FAULTY);
    assertThat(chosen(0)).isEqualTo(0);
  }

  @Test
  void differencesBelowAMillisecondAreOfNoAccount() {
    sample(0, MILLI / 2);
    sample(1, MILLI / 1000);
    assertThat(chosen(0)).isEqualTo(0);
  }

  @Test
  void longReadsDoNotMakeAMemberSlow() {
    list.get(0).readLatency().sample(0, 20 * MILLI, 8 << 20);
    sample(1, MILLI / 2);
    assertThat(chosen(0)).isEqualTo(0);
  }

  @Test
  void aMemberIsNotReadWhereItHasBadBlocks() {
    list.get(0).badBlocks().add(8, 16);
    assertThat(chosen(4096)).isEqualTo(1);
    assertThat(chosen(1 << 19)).isEqualTo(0);
  }

  @Test
  void aStreamGoesAroundABadBlock() {
    assertThat(chosen(0)).isEqualTo(0);
    list.get(0).badBlocks().add(8, 16);
    assertThat(chosen(4096)).isEqualTo(1);
  }

  @Test
  void nobodyIsChosenWhenNobodyHasIt() {
    list.forEach(member -> member.badBlocks().add(8, 16));
    assertThat(balance.choose(4096, 8192, List.of())).isNull();
    assertThat(balance.choose(0, 4096, list)).as("all have failed").isNull();
  }

  private void sample(int slot, long nanos) {
    list.get(slot).readLatency().sample(0, nanos, 4096);
  }

  private int chosen(long offset) {
    Member member = balance.choose(offset, offset + 4096, List.of());
    return slotOf(member);
  }

  private static int slotOf(@Nullable Member member) {
    return member == null ? -1 : member.slot();
  }
}
