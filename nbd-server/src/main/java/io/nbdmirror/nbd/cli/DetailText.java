package io.nbdmirror.nbd.cli;

import io.nbdmirror.raid.status.ArrayDetail;
import io.nbdmirror.raid.status.ArrayDetail.MemberDetail;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.List;

/** One array for people, after the manner of {@code mdadm --detail}. */
final class DetailText {
  private static final int MAX_RANGES = 32;

  private DetailText() {}

  static String of(ArrayDetail detail) {
    ArrayStatus status = detail.status();
    StringBuilder text = new StringBuilder(status.name()).append(":\n");
    field(text, "Version", detail.metadataVersion());
    field(text, "Creation Time", Amounts.time(detail.createdMicros()));
    field(text, "Raid Level", "raid1");
    field(
        text,
        "Array Size",
        "%d bytes (%s)".formatted(status.sizeBytes(), Amounts.bytes(status.sizeBytes())));
    field(text, "Raid Devices", slots(status) + "");
    field(text, "Total Devices", present(status) + "");
    field(text, "Bitmap", StatusText.bitmap(status.bitmap()));
    field(text, "Update Time", Amounts.time(detail.updatedMicros()));
    field(text, "State", status.state().toString());
    String sync = StatusText.sync(status.sync());
    field(text, "Sync", sync.isEmpty() ? "idle" : sync);
    mismatches(text, status);
    field(text, "Name", status.name());
    field(text, "UUID", status.uuid());
    field(text, "Events", detail.events() + "");
    field(text, "Events Cleared", detail.eventsCleared() + "");
    text.append('\n');
    for (int i = 0; i < status.members().size(); i++) {
      text.append("    ").append(StatusText.line(status.members().get(i))).append('\n');
      if (i < detail.members().size() && !detail.members().get(i).path().isEmpty()) {
        member(text, detail.members().get(i));
      }
    }
    return text.toString();
  }

  private static void member(StringBuilder text, MemberDetail member) {
    text.append(
        "             device UUID %s, data offset %s, %s pending\n"
            .formatted(
                member.deviceUuid(),
                Amounts.bytes(member.dataOffsetBytes()),
                Amounts.count(member.pendingRequests(), "request")));
  }

  /** A member and the one that is to replace it share a slot. */
  private static long slots(ArrayStatus status) {
    return status.members().stream()
        .mapToInt(ArrayStatus.Member::slot)
        .filter(slot -> slot >= 0)
        .distinct()
        .count();
  }

  private static long present(ArrayStatus status) {
    return status.members().stream().filter(member -> !member.path().isEmpty()).count();
  }

  private static void mismatches(StringBuilder text, ArrayStatus status) {
    List<ArrayStatus.Mismatch> ranges = status.mismatches();
    field(
        text,
        "Mismatches",
        ranges.isEmpty()
            ? "0"
            : "%d, %d bytes in all".formatted(ranges.size(), status.mismatchBytes()));
    ranges.stream()
        .limit(MAX_RANGES)
        .forEach(range ->
            field(
                text,
                "Mismatch",
                "%d bytes at byte %d".formatted(range.lengthBytes(), range.offsetBytes())));
    if (ranges.size() > MAX_RANGES) {
      field(
          text,
          "",
          "and %d more ranges; status --json lists them".formatted(ranges.size() - MAX_RANGES));
    }
  }

  private static void field(StringBuilder text, String name, String value) {
    text.append("%16s : %s\n".formatted(name, value));
  }
}
