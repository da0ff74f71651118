package io.nbdmirror.raid.simulation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The model of one sector: the writes it was given, in order, and which of them a read may still
 * return. It knows of acknowledgements, flushes and crashes, and nothing of members or bitmaps.
 */
final class SectorHistory {
  /** What the sector holds after one write; bytes only where the number does not tell all. */
  private static final class Version {
    final long sequence;
    final long number;
    final byte @Nullable [] bytes;

    Version(long sequence, long number, byte @Nullable [] bytes) {
      this.sequence = sequence;
      this.number = number;
      this.bytes = bytes;
    }
  }

  private final int sector;
  private final List<Version> versions = new ArrayList<>();
  private long last;
  private long acknowledged;
  private long durable;

  /** What the newest write is going to leave; null when nobody can tell. */
  private @Nullable Version tail;

  /** After a crash: what was read since, and must be read from then on. */
  private @Nullable Version pinned;

  private boolean pinnedDurably;

  /**
   * Reads come from another member than before, in whose cache a newer write may lie under what is
   * read: the rest of a block that was written over it.
   */
  private boolean isElsewhere;

  /** The newest write before the crash that it was read after. */
  private long pinnedAt;

  /** The newest write before the last crash, and before the last power cut. */
  private long crashed;

  private long cut;

  /** Contents cannot be told before a whole write from this one on was acknowledged. */
  private long unknownBefore;

  SectorHistory(int sector) {
    this.sector = sector;
    Version zeroes = new Version(0, 0, null);
    versions.add(zeroes);
    tail = zeroes;
  }

  int sector() {
    return sector;
  }

  long acknowledged() {
    return acknowledged;
  }

  /** Whether that write was made after the last crash, so that every member was given it. */
  boolean isWrittenSinceCrash(long sequence) {
    return sequence > crashed;
  }

  /** Whether a write of a part of it leaves something that can be told. */
  boolean isTailKnown() {
    return tail != null && !isUnknown();
  }

  private boolean isUnknown() {
    return acknowledged < unknownBefore;
  }

  /** A write of bytes {@code from} to {@code end} begins; its sequence number. */
  long begin(long number, int from, int end) {
    byte[] bytes = null;
    if (end - from < Pattern.SECTOR) {
      Version base = tail;
      if (base == null) {
        throw new Violation("the model is asked to write a part of a sector that nobody knows");
      }
      byte[] whole = base.bytes;
      bytes = whole == null ? Pattern.sectorOf(base.number, sector) : whole.clone();
      System.arraycopy(Pattern.sectorOf(number, sector), from, bytes, from, end - from);
    } else if (unknownBefore == Long.MAX_VALUE) {
      unknownBefore = last + 1;
    }
    Version version = new Version(++last, number, bytes);
    versions.add(version);
    tail = version;
    return last;
  }

  void acknowledge(long sequence, boolean isDurable) {
    acknowledged = Math.max(acknowledged, sequence);
    if (isDurable) {
      makeDurable(sequence);
    }
    if (acknowledged > pinnedAt) {
      pinned = null;
    }
  }

  /** Everything up to this write survives a power cut. */
  void makeDurable(long sequence) {
    durable = Math.max(durable, sequence);
  }

  /** The write was answered with an error: it may or may not have happened. */
  void fail(long sequence) {
    tail = null;
    if (versions.stream().anyMatch(v -> v.sequence > sequence && v.bytes != null)) {
      unknownBefore = Long.MAX_VALUE;
    }
  }

  /** What is there nobody knows. */
  void forget() {
    unknownBefore = Long.MAX_VALUE;
    tail = null;
    pinned = null;
  }

  /** Forgets what no read in flight may return any more. */
  void trim() {
    if (versions.size() > 1 && durable > versions.getFirst().sequence) {
      Version kept = pinned;
      versions.removeIf(v -> v.sequence < durable && v != kept);
    }
  }

  void crash(boolean cacheLost) {
    crashed = last;
    if (cacheLost) {
      cut = last;
      isElsewhere = false;
      acknowledged = durable;
      if (!pinnedDurably) {
        pinned = null;
      }
    }
    tail = onlyCandidate();
  }

  private @Nullable Version onlyCandidate() {
    Version only = null;
    for (Version version : versions) {
      if (isAllowed(version, acknowledged)) {
        if (only != null) {
          return null;
        }
        only = version;
      }
    }
    return only;
  }

  /** The member that reads came from is another now: what was read may change once (I4). */
  void sourceChanged() {
    isElsewhere = true;
    if (pinned != null) {
      if (versions.stream().anyMatch(v -> v.sequence > pinnedAt && v.bytes != null)) {
        unknownBefore = Long.MAX_VALUE;
      }
      tail = tail == pinned ? null : tail;
      pinned = null;
    }
  }

  /** It is read from a member that was never given what was acknowledged before the crash. */
  void lose() {
    if (acknowledged <= crashed) {
      unknownBefore = Long.MAX_VALUE;
      tail = null;
      pinned = null;
    }
  }

  /** Whether it is pinned to something that a power cut may take away. */
  boolean isPinnedInCache() {
    return pinned != null && !pinnedDurably;
  }

  void pinDurably() {
    pinnedDurably = pinned != null;
  }

  private boolean isAllowed(Version version, long floor) {
    Version pin = pinned;
    return pin == null
        ? version.sequence >= floor
        : version == pin || version.sequence > Math.max(pinnedAt, floor - 1);
  }

  /** Whether bytes {@code from} to {@code end} of the sector may read so. */
  boolean allows(byte[] found, int index, int from, int end, long floor) {
    if (isUnknown() || floor < unknownBefore) {
      return true;
    }
    for (int i = versions.size() - 1; i >= 0; i--) {
      Version version = versions.get(i);
      if (isAllowed(version, floor) && isIn(version, found, index, from, end)) {
        return true;
      }
    }
    return false;
  }

  /** Whether it is nothing older than what must survive a power cut. */
  boolean allowsDurably(byte[] found, int index) {
    if (durable < unknownBefore) {
      return true;
    }
    for (Version version : versions) {
      if (version.sequence >= durable && isIn(version, found, index, 0, Pattern.SECTOR)) {
        return true;
      }
    }
    return false;
  }

  /** As {@link #allows} whole sectors, where reads come from another member than before. */
  boolean allowsElsewhere(byte[] found, int index) {
    if (isUnknown()) {
      return true;
    }
    for (Version version : versions) {
      if (version.sequence >= acknowledged && isIn(version, found, index, 0, Pattern.SECTOR)) {
        return true;
      }
    }
    return false;
  }

  /** From now on, until it is written to, the sector must read as it did. */
  void pin(byte[] found, int index) {
    boolean isPinned = pinned != null && pinnedAt == crashed;
    if (isPinned || acknowledged > crashed || crashed == 0 || isUnknown()) {
      return;
    }
    Version read = null;
    for (Version version : versions) {
      if (isAllowed(version, acknowledged) && isIn(version, found, index, 0, Pattern.SECTOR)) {
        if (version.sequence > crashed) {
          return;
        }
        read = version;
      }
    }
    if (read != null) {
      pinned = read;
      pinnedAt = crashed;
      pinnedDurably = read.sequence <= cut && !isElsewhere;
      tail = last == crashed ? read : tail;
    }
  }

  private boolean isIn(Version version, byte[] found, int index, int from, int end) {
    byte[] bytes = version.bytes;
    return bytes == null
        ? Pattern.matches(version.number, sector, found, index, from, end)
        : Arrays.equals(bytes, from, end, found, index, index + end - from);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("sector " + sector + " may hold write");
    for (Version version : versions) {
      if (isAllowed(version, acknowledged)) {
        text.append(' ').append(version.number).append(version.bytes == null ? "" : " in part");
      }
    }
    return text.append(pinned != null ? " (read since the crash)" : "")
        .append(
            " [acknowledged %d, durable %d, last %d, at crash %d]"
                .formatted(acknowledged, durable, last, crashed))
        .toString();
  }
}
