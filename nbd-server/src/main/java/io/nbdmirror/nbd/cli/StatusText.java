package io.nbdmirror.nbd.cli;

import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.status.ArrayStatus.Member;
import io.nbdmirror.raid.status.ArrayStatus.Role;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import java.util.List;
import java.util.TreeMap;

/** Arrays for people, after the manner of {@code /proc/mdstat}. */
final class StatusText {
  private static final int BAR_CELLS = 20;
  private static final char UP = 'U';
  private static final char DOWN = '_';

  private StatusText() {}

  static String of(List<ArrayStatus> arrays) {
    if (arrays.isEmpty()) {
      return "no arrays are served\n";
    }
    StringBuilder text = new StringBuilder();
    for (ArrayStatus array : arrays) {
      if (!text.isEmpty()) {
        text.append('\n');
      }
      append(text, array);
    }
    return text.toString();
  }

  private static void append(StringBuilder text, ArrayStatus array) {
    String map = map(array.members());
    long inSync = map.chars().filter(each -> each == UP).count();
    text.append(
        "%s : %s raid1, %s, %d of %d members in sync [%s]\n"
            .formatted(
                array.name(),
                array.state(),
                Amounts.bytes(array.sizeBytes()),
                inSync,
                map.length(),
                map));
    array.members().forEach(member -> text.append("      ").append(line(member)).append('\n'));
    text.append("      bitmap: ").append(bitmap(array.bitmap())).append('\n');
    String sync = sync(array.sync());
    if (!sync.isEmpty()) {
      text.append("      ").append(sync).append('\n');
    }
    if (!array.mismatches().isEmpty()) {
      text.append(
          "      mismatches: %s, %s, in which members differ\n"
              .formatted(
                  Amounts.count(array.mismatches().size(), "range"),
                  Amounts.bytes(array.mismatchBytes())));
    }
  }

  /** One letter a slot as mdstat has it: U for up, _ for down. A replacement shares its slot. */
  private static String map(List<Member> members) {
    TreeMap<Integer, Character> slots = new TreeMap<>();
    for (Member member : members) {
      if (member.slot() >= 0) {
        slots.merge(
            member.slot(),
            member.role() == Role.IN_SYNC ? UP : DOWN,
            (one, other) -> one == UP ? one : other);
      }
    }
    StringBuilder map = new StringBuilder();
    slots.values().forEach(map::append);
    return map.toString();
  }

  static String line(Member member) {
    StringBuilder line = new StringBuilder();
    line.append(member.slot() < 0 ? "no slot " : "slot %-3d".formatted(member.slot()));
    line.append(" %-10s".formatted(member.role()));
    line.append(' ').append(member.path().isEmpty() ? "-" : member.path());
    if (member.writeMostly()) {
      line.append(" (write-mostly)");
    }
    if (member.behind() > 0) {
      line.append(", ").append(Amounts.count(member.behind(), "write")).append(" behind");
    }
    if (member.readErrors() + member.writeErrors() > 0) {
      line.append(", ")
          .append(Amounts.count(member.readErrors(), "read error"))
          .append(", ")
          .append(Amounts.count(member.writeErrors(), "write error"));
    }
    return line.toString();
  }

  static String bitmap(ArrayStatus.Bitmap bitmap) {
    return switch (bitmap.kind()) {
      case NONE -> "none; an unclean stop means a full resync";
      case KICKED -> "kicked after a write error; the array is unprotected until it is replaced";
      case INTERNAL, RAW, FILE ->
          "%s, %d of %d chunks of %s dirty"
              .formatted(
                  bitmap.kind(),
                  bitmap.dirtyChunks(),
                  bitmap.chunks(),
                  Amounts.bytes(bitmap.chunkBytes()));
    };
  }

  /** Empty when nothing runs. */
  static String sync(ArrayStatus.Sync sync) {
    if (sync.action() == SyncAction.IDLE) {
      return "";
    }
    int done =
        sync.totalBytes() <= 0
            ? BAR_CELLS
            : Math.clamp(BAR_CELLS * sync.doneBytes() / sync.totalBytes(), 0, BAR_CELLS);
    String bar =
        "=".repeat(done) + (done < BAR_CELLS ? ">" + ".".repeat(BAR_CELLS - done - 1) : "");
    return "[%s] %s %s (%s of %s), %s copied, %s/s%s"
        .formatted(
            bar,
            sync.action(),
            Amounts.percent(sync.doneBytes(), sync.totalBytes()),
            Amounts.bytes(sync.doneBytes()),
            Amounts.bytes(sync.totalBytes()),
            Amounts.bytes(sync.copiedBytes()),
            Amounts.bytes(sync.bytesPerSecond()),
            sync.etaSeconds() < 0 ? "" : ", " + Amounts.duration(sync.etaSeconds()) + " left");
  }
}
