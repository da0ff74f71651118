package io.nbdmirror.nbd.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.raid.status.ArrayDetail;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.status.ArrayStatus.Member;
import io.nbdmirror.raid.status.ArrayStatus.Role;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class StatusTextTest {
  @Test
  void aSpareAFaultyMemberAndAReplacementAreToldApart() {
    ArrayStatus status =
        status(
            List.of(
                member("/m/old", 0, Role.IN_SYNC),
                member("/m/1", 1, Role.REBUILDING),
                member("/m/new", 0, Role.REBUILDING),
                member("/m/spare", -1, Role.SPARE),
                member("/m/dead", -1, Role.FAULTY)),
            List.of());
    assertThat(StatusText.of(List.of(status)))
        .isEqualTo(
            """
            home : degraded raid1, 64 MiB, 1 of 2 members in sync [U_]
                  slot 0   in-sync    /m/old
                  slot 1   rebuilding /m/1
                  slot 0   rebuilding /m/new
                  no slot  spare      /m/spare
                  no slot  faulty     /m/dead
                  bitmap: none; an unclean stop means a full resync
                  [=====>..............] check 25.0% (16 MiB of 64 MiB), 0 B copied, 1 MiB/s, 48 s left
            """);
    assertThat(DetailText.of(detail(status))).contains("Raid Devices : 2\n", "Total Devices : 5\n");
  }

  @Test
  void aMemberThatLagsSaysByHowMuch() {
    assertThat(StatusText.line(new Member("/m/slow", 1, Role.IN_SYNC, true, 0, 1, 12)))
        .isEqualTo(
            "slot 1   in-sync    /m/slow (write-mostly), 12 writes behind, 0 read errors, 1 write error");
  }

  @Test
  void mismatchesAreCountedAndListedByTheirBytes() {
    List<ArrayStatus.Mismatch> ranges =
        LongStream.range(0, 40).mapToObj(i -> new ArrayStatus.Mismatch(i << 20, 4096)).toList();
    ArrayStatus status = status(List.of(member("/m/0", 0, Role.IN_SYNC)), ranges);
    assertThat(StatusText.of(List.of(status)))
        .contains("mismatches: 40 ranges, 160 KiB, in which members differ\n");
    assertThat(DetailText.of(detail(status)))
        .contains(
            "Mismatches : 40, 163840 bytes in all\n",
            "Mismatch : 4096 bytes at byte 1048576\n",
            "and 8 more ranges; status --json lists them\n");
  }

  private static ArrayDetail detail(ArrayStatus status) {
    return new ArrayDetail(status, "1.2", 0, 0, 1, 1, List.of());
  }

  private static Member member(String path, int slot, Role role) {
    return new Member(path, slot, role, false, 0, 0, 0);
  }

  private static ArrayStatus status(List<Member> members, List<ArrayStatus.Mismatch> mismatches) {
    return new ArrayStatus(
        "home",
        "uuid",
        64L << 20,
        ArrayStatus.State.DEGRADED,
        members,
        new ArrayStatus.Bitmap(ArrayStatus.BitmapKind.NONE, 0, 0, 0),
        new ArrayStatus.Sync(ArrayStatus.SyncAction.CHECK, 16 << 20, 64 << 20, 0, 1 << 20, 48),
        mismatches,
        mismatches.size() * 4096L);
  }
}
