package io.nbdmirror.nbd.cli;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.format.BitmapSurvey;
import io.nbdmirror.nbd.array.BitmapDocument;
import java.io.PrintWriter;
import java.util.Locale;

/**
 * A bitmap in the words and the layout of {@code mdadm -X}, with its dirty ranges and a picture.
 */
final class BitmapText {
  private static final int MAX_RANGES = 32;

  private BitmapText() {}

  static void print(PrintWriter out, String path, BitmapDocument bitmap) {
    line(out, "Filename", path);
    line(out, "Magic", bitmap.magic());
    line(out, "Version", "" + bitmap.version());
    line(out, "UUID", bitmap.uuid());
    line(out, "Events", bitmap.events().toString());
    line(out, "Events Cleared", bitmap.eventsCleared().toString());
    line(out, "State", state(bitmap.state()));
    line(out, "Chunksize", MdWords.chunk(bitmap.chunksize()));
    line(out, "Daemon", bitmap.daemonSleep() + "s flush period");
    line(
        out,
        "Write Mode",
        bitmap.writeBehind() == 0 ? "Normal" : "Allow write behind, max " + bitmap.writeBehind());
    long sectors = bitmap.syncSize().longValue();
    line(out, "Sync Size", sectors / 2 + MdWords.humanSize(sectors * 512));
    line(
        out,
        "Bitmap",
        String.format(
            Locale.ROOT,
            "%d bits (chunks), %d dirty (%2.1f%%)",
            bitmap.knownChunks(),
            bitmap.dirtyChunks(),
            100.0 * bitmap.dirtyChunks() / Math.max(1, bitmap.knownChunks())));
    if (bitmap.knownChunks() < bitmap.chunks()) {
      line(
          out,
          "Truncated",
          "%d bits are missing: their chunks count as dirty"
              .formatted(bitmap.chunks() - bitmap.knownChunks()));
    }
    printBits(out, bitmap);
  }

  /** What the bits say of the device. */
  static void printBits(PrintWriter out, BitmapDocument bitmap) {
    line(
        out,
        "Left to Resync",
        bitmap.leftToResyncBytes() + " bytes, if the array was not stopped cleanly");
    long more = bitmap.dirtyRangesOmitted();
    int printed = 0;
    for (BitmapSurvey.Range range : bitmap.dirtyRanges()) {
      if (printed++ < MAX_RANGES) {
        line(
            out,
            "Dirty Range",
            "%d bytes at byte %d".formatted(range.lengthBytes(), range.offsetBytes()));
      } else {
        more++;
      }
    }
    if (more > 0) {
      line(out, "", "and %d more ranges; --json lists them".formatted(more));
    }
    printPicture(out, bitmap.picture());
  }

  private static void printPicture(PrintWriter out, BitmapSurvey.Picture picture) {
    out.println();
    picture.rows().forEach(row -> out.println("  " + row));
    out.println(
        "  each cell %d %s of the device, %s; . clean  # dirty  > being resynced  ! needs resync"
            .formatted(
                picture.cellChunks(),
                picture.cellChunks() == 1 ? "chunk" : "chunks",
                Amounts.bytes(picture.cellBytes())));
  }

  static String state(int state) {
    return switch (state) {
      case 0 -> "OK";
      case BitmapSuperblock.STATE_STALE -> "Out of date";
      default -> "Unknown";
    };
  }

  private static void line(PrintWriter out, String label, String value) {
    out.printf("%16s %s %s%n", label, label.isEmpty() ? " " : ":", value);
  }
}
