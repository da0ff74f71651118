package io.nbdmirror.raid.superblock;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * The log of a member's unreadable sectors: entries of eight bytes, little-endian, sector in the
 * upper 54 bits and length in the lower 10, both in units of {@code 512 << shift} bytes; an entry
 * of all ones ends it. It counts only while {@link MdSuperblock#FEATURE_BAD_BLOCKS} is set.
 */
public final class BadBlockLog {
  /** What one entry takes. */
  public static final int ENTRY_BYTES = Long.BYTES;

  /** The longest run that one entry can tell of, in the log's units. */
  public static final int MAX_LENGTH = 512;

  private static final long END = -1L;
  private static final int LENGTH_BITS = 10;
  private static final int LENGTH_MASK = (1 << LENGTH_BITS) - 1;

  /**
   * A run of bad sectors.
   *
   * @param sector from the start of the device, the data offset included
   * @param lengthSectors at least 1
   */
  public record Entry(long sector, int lengthSectors) {}

  private BadBlockLog() {}

  /**
   * @param bytes the log, from its position to its limit
   * @param shift {@code bblog_shift}
   */
  public static List<Entry> decode(ByteBuffer bytes, int shift) {
    ByteBuffer log = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
    List<Entry> entries = new ArrayList<>();
    while (log.remaining() >= Long.BYTES) {
      long entry = log.getLong();
      if (entry == END) {
        break;
      }
      int length = (int) entry & LENGTH_MASK;
      if (length > 0) {
        entries.add(new Entry((entry >>> LENGTH_BITS) << shift, length << shift));
      }
    }
    return entries;
  }

  /**
   * Fills the log: the entries, then nothing but ends.
   *
   * @param entries as many as there is room for at most, none longer than {@link #MAX_LENGTH} units
   * @param bytes the log, from its position to its limit; these stay
   * @param shift {@code bblog_shift}
   */
  public static void encode(List<Entry> entries, ByteBuffer bytes, int shift) {
    ByteBuffer log = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
    for (Entry entry : entries) {
      log.putLong(entry.sector() >>> shift << LENGTH_BITS | entry.lengthSectors() >>> shift);
    }
    while (log.remaining() >= ENTRY_BYTES) {
      log.putLong(END);
    }
  }
}
