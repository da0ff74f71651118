package io.nbdmirror.raid.event;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.bitmap.BitmapWrite;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.raid.TestArray;
import io.nbdmirror.raid.bitmap.BitmapPlace;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.MemberState;
import io.nbdmirror.raid.member.Members;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ArrayHealthTest {
  private final DeviceException failure = new DeviceException(Errno.EIO, "it broke");

  private final TestArray array = new TestArray(1, 2, 1 << 20, 65536);
  private final Members members = new Members(List.of(member(0), member(1)), 2);
  private final ArrayHealth health = health(false);

  private ArrayHealth health(boolean readOnly) {
    return new ArrayHealth(
        "test",
        members,
        new BitmapPages(new BitmapGeometry(1 << 20, 65536)),
        BitmapPlace.NOWHERE,
        false,
        10,
        readOnly,
        array.scheduler);
  }

  private Member member(int slot) {
    return new Member(
        array.devices.get(slot), array.superblock(slot).copy(), slot, MemberState.IN_SYNC);
  }

  @Test
  void whenAMemberFailsEverySetBitBecomesNeeded() {
    BitmapWrite write = new WriteOf(3);
    health.bitmap().startWrite(write);
    array.scheduler.runUntilIdle();
    health.bitmap().endWrite(write, true);
    assertThat(health.bitmap().counters().isNeeded(3)).isFalse();
    health.writeFailed(members.all().get(1), failure);
    assertThat(health.bitmap().counters().isNeeded(3)).as("I5").isTrue();
    assertThat(health.bitmap().counters().isNeeded(4)).isFalse();
  }

  @Test
  void aMemberThatFailedIsNotFailedAgain() {
    health.writeFailed(members.all().get(1), failure);
    health.writeFailed(members.all().get(1), failure);
    assertThat(health.memberFailures()).isEqualTo(1);
    assertThat(health.readFailed(members.all().get(1), failure)).as("ask another").isTrue();
    assertThat(health.readFailed(members.all().get(0), failure)).as("I7").isFalse();
  }

  @Test
  void nothingIsClearedOnADegradedArray() {
    assertThat(health.mayClear()).isTrue();
    health.writeFailed(members.all().get(1), failure);
    assertThat(health.mayClear()).as("I2").isFalse();
  }

  @Test
  void aReadOnlyArrayLeavesAMemberOutAndWritesNothing() {
    ArrayHealth readOnly = health(true);
    List<Operation> asked = new ArrayList<>();
    array.devices.forEach(
        device -> device.listen((ignored, event) -> asked.add(event.operation())));
    assertThat(readOnly.readFailed(members.all().get(1), failure)).as("ask another").isTrue();
    array.scheduler.runUntilIdle();
    assertThat(asked).isEmpty();
    assertThat(readOnly.updates().isSettled()).isTrue();
  }

  private record WriteOf(int chunk) implements BitmapWrite {
    @Override
    public long startBytes() {
      return chunk * 65536L;
    }

    @Override
    public long endBytes() {
      return startBytes() + 512;
    }

    @Override
    public void bitsDurable() {
      assertThat(chunk).isNotNegative();
    }
  }
}
