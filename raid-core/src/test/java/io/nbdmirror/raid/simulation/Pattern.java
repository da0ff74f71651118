package io.nbdmirror.raid.simulation;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * What write number n leaves in a sector: one word over and over that tells the write and the
 * sector, so that bytes in the wrong place are noticed. Number 0 is zeroes.
 */
final class Pattern {
  static final int SECTOR = 512;

  private static final VarHandle WORDS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private Pattern() {}

  static long word(long number, int sector) {
    return number == 0 ? 0 : (number << 24) | sector;
  }

  /** The byte at {@code index} of the sector. */
  static byte byteAt(long number, int sector, int index) {
    return (byte) (word(number, sector) >>> ((index & 7) * 8));
  }

  static byte[] sectorOf(long number, int sector) {
    byte[] bytes = new byte[SECTOR];
    long word = word(number, sector);
    for (int at = 0; at < SECTOR; at += Long.BYTES) {
      WORDS.set(bytes, at, word);
    }
    return bytes;
  }

  /** Whether bytes {@code from} to {@code end} of the sector, found at {@code index}, are such. */
  static boolean matches(long number, int sector, byte[] found, int index, int from, int end) {
    if (from == 0 && end == SECTOR) {
      long word = word(number, sector);
      for (int at = 0; at < SECTOR; at += Long.BYTES) {
        if ((long) WORDS.get(found, index + at) != word) {
          return false;
        }
      }
      return true;
    }
    for (int at = from; at < end; at++) {
      if (found[index + at - from] != byteAt(number, sector, at)) {
        return false;
      }
    }
    return true;
  }

  static long firstWord(byte[] found, int index) {
    return (long) WORDS.get(found, index);
  }
}
