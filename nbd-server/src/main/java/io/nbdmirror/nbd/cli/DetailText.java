package io.nbdmirror.nbd.cli;

import io.nbdmirror.raid.status.ArrayDetail;
import io.nbdmirror.raid.status.ArrayDetail.MemberDetail;
import io.nbdmirror.raid.status.ArrayStatus;

/** One array for people, after the manner of {@code mdadm --detail}. */
final class DetailText {
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
    field(text, "Raid Devices", count(status, false) + "");
    field(text, "Total Devices", count(status, true) + "");
    field(text, "Bitmap", StatusText.bitmap(status.bitmap()));
    field(text, "Update Time", Amounts.time(detail.updatedMicros()));
    field(text, "State", status.state().toString());
    String sync = StatusText.sync(status.sync());
    field(text, "Sync", sync.isEmpty() ? "idle" : sync);
    field(text, "Mismatches", status.mismatches().size() + "");
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

  private static long count(ArrayStatus status, boolean present) {
    return status.members().stream()
        .filter(member -> present ? !member.path().isEmpty() : member.slot() >= 0)
        .count();
  }

  private static void field(StringBuilder text, String name, String value) {
    text.append("%16s : %s\n".formatted(name, value));
  }
}
