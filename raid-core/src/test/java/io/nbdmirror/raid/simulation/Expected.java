package io.nbdmirror.raid.simulation;

import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The model: what every sector of the array may hold. Shares no code with the engine. */
final class Expected {
  private static final int TRIM_EVERY = 64;

  private final SectorHistory[] sectors;
  private final List<SectorHistory> touched = new ArrayList<>();
  private final Set<SectorHistory> inCache = new LinkedHashSet<>();
  private long lastNumber;
  private long sources;
  private int readsInFlight;
  private int changesSinceTrim;

  Expected(long sizeBytes) {
    sectors = new SectorHistory[(int) (sizeBytes / Pattern.SECTOR)];
  }

  private SectorHistory at(long sector) {
    SectorHistory history = sectors[(int) sector];
    if (history == null) {
      history = new SectorHistory((int) sector);
      sectors[(int) sector] = history;
      touched.add(history);
    }
    return history;
  }

  private static long firstOf(long offset) {
    return offset / Pattern.SECTOR;
  }

  private static long lastOf(long offset, long length) {
    return (offset + length - 1) / Pattern.SECTOR;
  }

  private static int fromIn(long sector, long offset) {
    return (int) Math.max(0, offset - sector * Pattern.SECTOR);
  }

  private static int endIn(long sector, long end) {
    return (int) Math.min(Pattern.SECTOR, end - sector * Pattern.SECTOR);
  }

  /** Whether a change of this range leaves something that can be told in every sector. */
  boolean isKnown(long offset, long length) {
    long first = firstOf(offset);
    long last = lastOf(offset, length);
    return (offset % Pattern.SECTOR == 0 || at(first).isTailKnown())
        && ((offset + length) % Pattern.SECTOR == 0 || at(last).isTailKnown());
  }

  /** A write, zeroing or trim on its way. */
  final class Change {
    final long offset;
    final long length;
    final long number;
    private final long[] sequences;

    private Change(long offset, long length, boolean zeroes) {
      this.offset = offset;
      this.length = length;
      number = zeroes ? 0 : ++lastNumber;
      long first = firstOf(offset);
      sequences = new long[(int) (lastOf(offset, length) - first + 1)];
      for (int i = 0; i < sequences.length; i++) {
        long sector = first + i;
        sequences[i] =
            at(sector).begin(number, fromIn(sector, offset), endIn(sector, offset + length));
      }
    }

    void succeeded(boolean fua) {
      for (int i = 0; i < sequences.length; i++) {
        SectorHistory history = at(firstOf(offset) + i);
        history.acknowledge(sequences[i], fua);
        if (!fua) {
          inCache.add(history);
        }
      }
      trimNowAndThen();
    }

    void failed() {
      for (int i = 0; i < sequences.length; i++) {
        at(firstOf(offset) + i).fail(sequences[i]);
      }
    }

    /** Puts the write's bytes into {@code target} from its start on. */
    void fill(ByteBuf target) {
      for (int i = 0; i < sequences.length; i++) {
        long sector = firstOf(offset) + i;
        int from = fromIn(sector, offset);
        int end = endIn(sector, offset + length);
        target.setBytes(
            (int) (sector * Pattern.SECTOR + from - offset),
            Pattern.sectorOf(number, (int) sector),
            from,
            end - from);
      }
    }

    /** Why the sector's bytes are older than this write; empty when they are not. */
    String problemWith(int index, byte[] found) {
      SectorHistory history = at(firstOf(offset) + index);
      return history.allows(found, 0, 0, Pattern.SECTOR, sequences[index])
          ? ""
          : history.toString();
    }

    int sectorCount() {
      return sequences.length;
    }
  }

  Change begin(long offset, long length, boolean zeroes) {
    return new Change(offset, length, zeroes);
  }

  private void trimNowAndThen() {
    if (++changesSinceTrim >= TRIM_EVERY && readsInFlight == 0) {
      changesSinceTrim = 0;
      touched.forEach(SectorHistory::trim);
    }
  }

  /** A read on its way. */
  final class Reading {
    final long offset;
    final int length;
    private final long sourcesBefore = sources;
    private final long[] floors;

    private Reading(long offset, int length) {
      this.offset = offset;
      this.length = length;
      floors = new long[(int) (lastOf(offset, length) - firstOf(offset) + 1)];
      for (int i = 0; i < floors.length; i++) {
        floors[i] = at(firstOf(offset) + i).acknowledged();
      }
      readsInFlight++;
    }

    void failed() {
      readsInFlight--;
    }

    /** Why it must not have returned this; empty if it may. */
    String returned(byte[] found) {
      readsInFlight--;
      for (int i = 0; i < floors.length; i++) {
        long sector = firstOf(offset) + i;
        int from = fromIn(sector, offset);
        int end = endIn(sector, offset + length);
        int index = (int) (sector * Pattern.SECTOR + from - offset);
        SectorHistory history = at(sector);
        if (!history.allows(found, index, from, end, floors[i])) {
          return told(history, found, index);
        }
        if (end - from == Pattern.SECTOR && sourcesBefore == sources) {
          history.pin(found, index);
          if (history.isPinnedInCache()) {
            inCache.add(history);
          }
        }
      }
      return "";
    }
  }

  private static String told(SectorHistory history, byte[] found, int index) {
    long word = index + Long.BYTES <= found.length ? Pattern.firstWord(found, index) : -1;
    return "%s; it has write %d of sector %d".formatted(history, word >>> 24, word & (1 << 24) - 1);
  }

  Reading beginRead(long offset, int length) {
    return new Reading(offset, length);
  }

  /** A flush on its way: what it covers. */
  final class Flush {
    private final List<SectorHistory> covered = new ArrayList<>(inCache);
    private final long[] sequences = new long[covered.size()];
    private final boolean[] pinned = new boolean[covered.size()];

    private Flush() {
      for (int i = 0; i < sequences.length; i++) {
        sequences[i] = covered.get(i).acknowledged();
        pinned[i] = covered.get(i).isPinnedInCache();
      }
    }

    void succeeded() {
      for (int i = 0; i < sequences.length; i++) {
        SectorHistory history = covered.get(i);
        history.makeDurable(sequences[i]);
        if (pinned[i]) {
          history.pinDurably();
        }
        if (history.acknowledged() == sequences[i]) {
          inCache.remove(history);
        }
      }
    }

    /** Why a disk's durable bytes break the flush's promise; empty if they do not. */
    String problemOn(Sectors durable) {
      for (int i = 0; i < sequences.length; i++) {
        SectorHistory history = covered.get(i);
        // What was acknowledged by an earlier life is on the source for certain, and no member
        // more.
        if (history.acknowledged() >= sequences[i] && history.isWrittenSinceCrash(sequences[i])) {
          byte[] found = durable.sector(history.sector());
          if (!history.allows(found, 0, 0, Pattern.SECTOR, sequences[i])) {
            return told(history, found, 0);
          }
        }
      }
      return "";
    }
  }

  /** A member's data, sector by sector. */
  @FunctionalInterface
  interface Sectors {
    byte[] sector(int sector);
  }

  Flush beginFlush() {
    return new Flush();
  }

  /** Everything in flight is lost, and with a power cut everything that was not flushed. */
  void crash(boolean cacheLost) {
    readsInFlight = 0;
    touched.forEach(history -> history.crash(cacheLost));
    if (cacheLost) {
      inCache.clear();
    }
  }

  /** Nobody knows what lies there before it is written to: the array is about to grow by it. */
  void forget(long offset, long length) {
    for (long sector = firstOf(offset); sector <= lastOf(offset, length); sector++) {
      at(sector).forget();
    }
  }

  /** Reads come from another member than before. */
  void sourceChanged() {
    sources++;
    touched.forEach(SectorHistory::sourceChanged);
  }

  /** A member could not be read there: another is, and what that has is written over it. */
  void sourceFailed(long offset, long length) {
    sources++;
    for (SectorHistory history : touched) {
      long start = (long) history.sector() * Pattern.SECTOR;
      if (start < offset + length && offset < start + Pattern.SECTOR) {
        history.sourceChanged();
      }
    }
  }

  /**
   * Why the array must not read so after a crash; empty if it may. Remembers nothing.
   *
   * @param sameSource whether reads come from the member they came from before
   */
  String problemAtRest(long offset, byte[] found, boolean sameSource) {
    for (int index = 0; index < found.length; index += Pattern.SECTOR) {
      SectorHistory history = at((offset + index) / Pattern.SECTOR);
      boolean allowed =
          sameSource
              ? history.allows(found, index, 0, Pattern.SECTOR, history.acknowledged())
              : history.allowsElsewhere(found, index);
      if (!allowed) {
        return told(history, found, index);
      }
    }
    return "";
  }

  /** Whether a disk lacks something that was acknowledged. */
  boolean isLackedBy(Sectors disk) {
    return touched.stream()
        .anyMatch(history -> !history.allowsElsewhere(disk.sector(history.sector()), 0));
  }

  /** Why a disk lacks something that was flushed; empty if it does not. */
  String problemOfLagging(Sectors disk) {
    for (SectorHistory history : touched) {
      byte[] found = disk.sector(history.sector());
      if (!history.allowsDurably(found, 0)) {
        return told(history, found, 0);
      }
    }
    return "";
  }

  /** Reads come from a disk that lags: what it lacks is lost. */
  void lose(Sectors disk) {
    for (SectorHistory history : touched) {
      if (!history.allowsElsewhere(disk.sector(history.sector()), 0)) {
        history.lose();
      }
    }
  }

  /** Why a member that is said to have all data lacks some of what was flushed; empty if not. */
  String problemOnRebuilt(long offset, byte[] durable) {
    for (int index = 0; index < durable.length; index += Pattern.SECTOR) {
      SectorHistory history = at((offset + index) / Pattern.SECTOR);
      if (!history.allowsDurably(durable, index)) {
        return told(history, durable, index);
      }
    }
    return "";
  }
}
