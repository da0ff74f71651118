package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.array.BitmapDocument;
import io.nbdmirror.raid.superblock.BadBlockLog;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.MemberInspection;
import io.nbdmirror.raid.superblock.SuperblockCheck;
import io.nbdmirror.raid.superblock.SuperblockException;
import java.io.PrintWriter;

/** A member in the words and the layout of {@code mdadm -E}, with what that leaves out below. */
final class ExamineText {
  private static final String MISSING_LEGEND = " ('A' == active, '.' == missing, 'R' == replacing)";

  private final PrintWriter out;
  private final MemberInspection member;
  private final MdSuperblock superblock;
  private final MemberFacts facts;

  private ExamineText(PrintWriter out, MemberInspection member) {
    this.out = out;
    this.member = member;
    superblock = member.superblock();
    facts = MemberFacts.of(member);
  }

  static void print(PrintWriter out, MemberInspection member) {
    new ExamineText(out, member).print();
  }

  private void print() {
    out.println(member.path() + ":");
    array();
    out.println();
    sizes();
    out.println();
    metadata();
    out.println();
    out.println();
    // One column to the left of all others, as in mdadm.
    out.printf("%14s : %s%n", "Device Role", facts.role());
    out.printf("%14s : %s%n", "Array State", facts.arrayState() + MISSING_LEGEND);
    more();
  }

  private void line(String label, String value) {
    out.printf("%15s : %s%n", label, value);
  }

  private void array() {
    line("Magic", "%08x".formatted(superblock.magic()));
    line("Version", facts.version());
    line("Feature Map", "0x%x".formatted(superblock.featureMap()));
    line("Array UUID", BitmapDocument.mdText(superblock.setUuid()));
    line("Name", superblock.setName());
    line("Creation Time", MdWords.time(MdSuperblock.unpackTime(superblock.ctime())));
    line("Raid Level", superblock.level() == 1 ? "raid1" : "" + superblock.level());
    line("Raid Devices", "" + superblock.raidDisks());
  }

  private void sizes() {
    long sizeBytes = superblock.size() * MdSuperblock.SECTOR_BYTES;
    line("Avail Dev Size", sectors(superblock.dataSize()) + human(superblock.dataSize()));
    line("Array Size", sizeBytes / 1024 + " KiB" + MdWords.humanSize(sizeBytes));
    if (superblock.size() != superblock.dataSize()) {
      line("Used Dev Size", sectors(superblock.size()) + human(superblock.size()));
    }
    if (superblock.dataOffset() != 0) {
      line("Data Offset", sectors(superblock.dataOffset()));
    }
    line("Super Offset", sectors(superblock.superOffset()));
    if (superblock.hasFeature(MdSuperblock.FEATURE_RECOVERY_OFFSET)) {
      line("Recovery Offset", sectors(superblock.recoveryOffset()));
    }
    boolean tooSmall = facts.unusedAfter() < 0;
    if (facts.unusedBefore() != 0 || facts.unusedAfter() != 0) {
      line(
          "Unused Space",
          "before=%d sectors, after=%d sectors%s"
              .formatted(
                  facts.unusedBefore(), facts.unusedAfter(), tooSmall ? " DEVICE TOO SMALL" : ""));
    }
    line("State", (facts.clean() ? "clean" : "active") + (tooSmall ? " TRUNCATED DEVICE" : ""));
    line("Device UUID", BitmapDocument.mdText(superblock.deviceUuid()));
  }

  private static String sectors(long count) {
    return Long.toUnsignedString(count) + " sectors";
  }

  private static String human(long sectors) {
    return MdWords.humanSize(sectors * MdSuperblock.SECTOR_BYTES);
  }

  private void metadata() {
    if (superblock.hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET)) {
      line("Internal Bitmap", superblock.bitmapOffset() + " sectors from superblock");
    }
    if (superblock.devflags() != 0) {
      line("Flags", flags().strip());
    }
    line("Update Time", MdWords.time(MdSuperblock.unpackTime(superblock.utime())));
    if (superblock.bblogSize() != 0 && superblock.bblogOffset() != 0) {
      boolean present = superblock.hasFeature(MdSuperblock.FEATURE_BAD_BLOCKS);
      line(
          "Bad Block Log",
          "%d entries available at offset %d sectors%s"
              .formatted(
                  superblock.bblogSize() * MdSuperblock.SECTOR_BYTES / Long.BYTES,
                  superblock.bblogOffset(),
                  present ? " - bad blocks present." : ""));
    }
    line("Checksum", checksum());
    line("Events", Long.toUnsignedString(superblock.events()));
  }

  private String flags() {
    return ((superblock.devflags() & MdSuperblock.DEVFLAG_WRITE_MOSTLY) != 0 ? " write-mostly" : "")
        + ((superblock.devflags() & MdSuperblock.DEVFLAG_FAIL_FAST) != 0 ? " failfast" : "");
  }

  private String checksum() {
    if (!MemberFacts.rolesReadable(superblock)) {
      return "%x - cannot be checked: max_dev is %d"
          .formatted(superblock.sbCsum(), superblock.maxDev());
    }
    int expected = superblock.computeChecksum();
    return superblock.sbCsum() == expected
        ? "%x - correct".formatted(expected)
        : "%x - expected %x".formatted(superblock.sbCsum(), expected);
  }

  /** What mdadm does not tell. */
  private void more() {
    out.println();
    line("Device Number", "" + superblock.devNumber());
    line("Device Size", member.deviceBytes() + " bytes");
    if (!facts.clean()) {
      line("Resync Offset", sectors(superblock.resyncOffset()));
    }
    line("Corrected Reads", "" + superblock.cntCorrectedRead());
    if (member.bitmap() != null) {
      line(
          "Dirty Chunks",
          "%d of %d".formatted(member.bitmap().dirtyChunks(), member.bitmap().geometry().chunks()));
    }
    if (member.bitmapProblem() != null) {
      line("Bitmap Problem", member.bitmapProblem());
    }
    for (BadBlockLog.Entry entry : member.badBlocks()) {
      line("Bad Blocks", entry.lengthSectors() + " sectors at sector " + entry.sector());
    }
    SuperblockException problem =
        SuperblockCheck.problemOf(
            superblock, member.path(), member.foundAtSector(), member.deviceBytes());
    if (problem != null) {
      line("Problem", String.valueOf(problem.getMessage()));
    }
  }
}
