package io.nbdmirror.raid.resync;

import io.nbdmirror.raid.status.ArrayStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Where members are known to differ: ranges in order, apart from one another, and no more of them
 * than {@link #MAX_RANGES}; how many bytes they are together is exact all the same. Used on the
 * array's loop.
 */
final class Mismatches {
  static final int MAX_RANGES = 4096;

  /** Ends by starts, in bytes of the array. */
  private final TreeMap<Long, Long> ranges = new TreeMap<>();

  private long listedBytes;
  private long unlistedBytes;

  /** Adds a range that has nothing in common with those there are; neighbours become one. */
  void add(long startBytes, long endBytes) {
    Map.Entry<Long, Long> before = ranges.floorEntry(startBytes);
    boolean joinsBefore = before != null && before.getValue() == startBytes;
    Long endOfNext = ranges.get(endBytes);
    if (!joinsBefore && endOfNext == null && ranges.size() >= MAX_RANGES) {
      unlistedBytes += endBytes - startBytes;
      return;
    }
    listedBytes += endBytes - startBytes;
    ranges.remove(endBytes);
    ranges.put(
        joinsBefore ? before.getKey() : startBytes, endOfNext == null ? endBytes : endOfNext);
  }

  /** The members are the same in this range now, or about to be looked at anew. */
  void remove(long startBytes, long endBytes) {
    Map.Entry<Long, Long> before = ranges.lowerEntry(startBytes);
    if (before != null && before.getValue() > startBytes) {
      ranges.put(before.getKey(), startBytes);
      listedBytes -= before.getValue() - startBytes;
      if (before.getValue() > endBytes) {
        restore(endBytes, before.getValue());
      }
    }
    for (Map.Entry<Long, Long> next = ranges.ceilingEntry(startBytes);
        next != null && next.getKey() < endBytes;
        next = ranges.ceilingEntry(startBytes)) {
      ranges.remove(next.getKey());
      listedBytes -= next.getValue() - next.getKey();
      if (next.getValue() > endBytes) {
        restore(endBytes, next.getValue());
      }
    }
  }

  /** What was behind the end of a range that was removed. */
  private void restore(long startBytes, long endBytes) {
    ranges.put(startBytes, endBytes);
    listedBytes += endBytes - startBytes;
  }

  void clear() {
    ranges.clear();
    listedBytes = 0;
    unlistedBytes = 0;
  }

  /** In how many bytes members differ, those of ranges that are not listed with them. */
  long bytes() {
    return listedBytes + unlistedBytes;
  }

  boolean isEmpty() {
    return bytes() == 0;
  }

  /** Whether there are more than are listed. */
  boolean isCut() {
    return unlistedBytes > 0;
  }

  int count() {
    return ranges.size();
  }

  List<ArrayStatus.Mismatch> list() {
    List<ArrayStatus.Mismatch> list = new ArrayList<>(ranges.size());
    ranges.forEach((start, end) -> list.add(new ArrayStatus.Mismatch(start, end - start)));
    return list;
  }
}
