package io.nbdmirror.nbd.cli;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.format.StoredBitmap;
import java.io.PrintWriter;
import java.util.Locale;

/** A bitmap in the words and the layout of {@code mdadm -X}, with its dirty ranges below. */
final class BitmapText {
  private BitmapText() {}

  static void print(PrintWriter out, String path, StoredBitmap bitmap) {
    BitmapSuperblock superblock = bitmap.superblock();
    line(out, "Filename", path);
    line(out, "Magic", "%08x".formatted(superblock.magic()));
    line(out, "Version", "" + superblock.version());
    line(out, "UUID", MdUuid.text(superblock.uuid()));
    line(out, "Events", Long.toUnsignedString(superblock.events()));
    line(out, "Events Cleared", Long.toUnsignedString(superblock.eventsCleared()));
    line(out, "State", state(superblock.state()));
    line(out, "Chunksize", MdWords.chunk(superblock.chunksize()));
    line(out, "Daemon", superblock.daemonSleep() + "s flush period");
    line(
        out,
        "Write Mode",
        superblock.writeBehind() == 0
            ? "Normal"
            : "Allow write behind, max " + superblock.writeBehind());
    line(
        out,
        "Sync Size",
        superblock.syncSize() / 2 + MdWords.humanSize(superblock.syncSize() * 512));
    line(
        out,
        "Bitmap",
        String.format(
            Locale.ROOT,
            "%d bits (chunks), %d dirty (%2.1f%%)",
            bitmap.knownChunks(),
            bitmap.dirtyChunks(),
            100.0 * bitmap.dirtyChunks() / Math.max(1, bitmap.knownChunks())));
    if (bitmap.knownChunks() < bitmap.geometry().chunks()) {
      line(
          out,
          "Truncated",
          "%d bits are missing: their chunks count as dirty"
              .formatted(bitmap.geometry().chunks() - bitmap.knownChunks()));
    }
    for (StoredBitmap.DirtyRange range : bitmap.dirtyRanges()) {
      line(
          out,
          "Dirty Range",
          "%d bytes at byte %d".formatted(range.lengthBytes(), range.offsetBytes()));
    }
  }

  static String state(int state) {
    return switch (state) {
      case 0 -> "OK";
      case BitmapSuperblock.STATE_STALE -> "Out of date";
      default -> "Unknown";
    };
  }

  private static void line(PrintWriter out, String label, String value) {
    out.printf("%16s : %s%n", label, value);
  }
}
