package io.nbdmirror.raid.badblocks;

import io.nbdmirror.raid.superblock.BadBlockLog;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The bad blocks of one member: ranges of its device that cannot be read, or lack what was written.
 * Never more than its log has room for. In sectors from the start of the device, as the log has
 * them; runs are kept in order, apart from one another. Asking allocates nothing.
 */
public final class BadBlocks {
  private final int capacity;
  private final int shift;
  private long[] starts = {};
  private long[] ends = {};
  private boolean unsaved;

  /**
   * As a member's superblock has room for them; none yet.
   *
   * @param superblock its {@code bblog_size} is 0 where there is no log
   * @param blockBytes of the device: a log that lies across its blocks cannot be written
   */
  public BadBlocks(MdSuperblock superblock, int blockBytes) {
    this(capacity(superblock, blockBytes), superblock.bblogShift());
  }

  /**
   * None yet.
   *
   * @param capacity entries the log has room for
   * @param shift the log counts in units of {@code 1 << shift} sectors
   */
  BadBlocks(int capacity, int shift) {
    this.capacity = capacity;
    this.shift = shift;
  }

  private static int capacity(MdSuperblock superblock, int blockBytes) {
    long at = (superblock.superOffset() + superblock.bblogOffset()) * MdSuperblock.SECTOR_BYTES;
    int bytes = superblock.bblogSize() * MdSuperblock.SECTOR_BYTES;
    return at % blockBytes == 0 && bytes % blockBytes == 0 ? bytes / BadBlockLog.ENTRY_BYTES : 0;
  }

  /** Takes over what the log holds. */
  public void load(List<BadBlockLog.Entry> entries) {
    for (BadBlockLog.Entry entry : entries) {
      insert(entry.sector(), entry.sector() + entry.lengthSectors());
    }
    unsaved = false;
  }

  /** Whether there is a log to record any in. */
  public boolean hasLog() {
    return capacity > 0;
  }

  public boolean isEmpty() {
    return starts.length == 0;
  }

  /** How many sectors are bad. */
  public long sectors() {
    long sum = 0;
    for (int i = 0; i < starts.length; i++) {
      sum += ends[i] - starts[i];
    }
    return sum;
  }

  /** Whether any sector of the range is bad. */
  public boolean overlaps(long start, long end) {
    int run = firstEndingAfter(start);
    return run < starts.length && starts[run] < end;
  }

  /** Whether every sector of the range is bad. */
  public boolean covers(long start, long end) {
    int run = firstEndingAfter(start);
    return run < starts.length && starts[run] <= start && end <= ends[run];
  }

  /**
   * Where, going on from {@code sector}, good turns to bad or bad to good; {@link Long#MAX_VALUE}
   * when it does not.
   */
  public long nextEdge(long sector) {
    int run = firstEndingAfter(sector);
    if (run == starts.length) {
      return Long.MAX_VALUE;
    }
    return starts[run] > sector ? starts[run] : ends[run];
  }

  /**
   * Adds a range; widened to the log's units.
   *
   * @return false when the log has no room: then nothing has changed
   */
  public boolean add(long start, long end) {
    if (covers(start, end)) {
      return true;
    }
    long[] oldStarts = starts;
    long[] oldEnds = ends;
    insert(start, end);
    if (entryCount() > capacity) {
      starts = oldStarts;
      ends = oldEnds;
      return false;
    }
    unsaved = true;
    return true;
  }

  /**
   * Removes a range; only the log's whole units in it. What it would take more entries to say than
   * there is room for stays bad.
   *
   * @return whether anything changed
   */
  public boolean remove(long start, long end) {
    long unit = 1L << shift;
    long from = (start + unit - 1) & -unit;
    long to = end & -unit;
    if (from >= to || !overlaps(from, to)) {
      return false;
    }
    long[] oldStarts = starts;
    long[] oldEnds = ends;
    List<long[]> rest = new ArrayList<>();
    for (int i = 0; i < starts.length; i++) {
      if (starts[i] < Math.min(ends[i], from)) {
        rest.add(new long[] {starts[i], Math.min(ends[i], from)});
      }
      if (Math.max(starts[i], to) < ends[i]) {
        rest.add(new long[] {Math.max(starts[i], to), ends[i]});
      }
    }
    set(rest);
    if (entryCount() > capacity) {
      starts = oldStarts;
      ends = oldEnds;
      return false;
    }
    unsaved = true;
    return true;
  }

  /** The log's entries, in order. */
  public List<BadBlockLog.Entry> entries() {
    List<BadBlockLog.Entry> entries = new ArrayList<>();
    long most = maxRun();
    for (int i = 0; i < starts.length; i++) {
      for (long at = starts[i]; at < ends[i]; at += most) {
        entries.add(new BadBlockLog.Entry(at, (int) Math.min(most, ends[i] - at)));
      }
    }
    return entries;
  }

  /** Whether they have changed since {@link #saved}. */
  public boolean isUnsaved() {
    return unsaved;
  }

  /** They are on their way to the log as they are now. */
  public void saved() {
    unsaved = false;
  }

  private long maxRun() {
    return (long) BadBlockLog.MAX_LENGTH << shift;
  }

  private long entryCount() {
    long count = 0;
    for (int i = 0; i < starts.length; i++) {
      count += (ends[i] - starts[i] + maxRun() - 1) / maxRun();
    }
    return count;
  }

  private void insert(long start, long end) {
    long unit = 1L << shift;
    long from = start & -unit;
    long to = (end + unit - 1) & -unit;
    List<long[]> all = new ArrayList<>();
    for (int i = 0; i < starts.length; i++) {
      if (ends[i] < from || starts[i] > to) {
        all.add(new long[] {starts[i], ends[i]});
      } else {
        from = Math.min(from, starts[i]);
        to = Math.max(to, ends[i]);
      }
    }
    all.add(new long[] {from, to});
    set(all);
  }

  private void set(List<long[]> runs) {
    runs.sort((a, b) -> Long.compare(a[0], b[0]));
    starts = runs.stream().mapToLong(run -> run[0]).toArray();
    ends = runs.stream().mapToLong(run -> run[1]).toArray();
  }

  /** The first run that ends behind the sector; the number of runs when there is none. */
  private int firstEndingAfter(long sector) {
    if (starts.length == 0) {
      return 0;
    }
    int found = Arrays.binarySearch(ends, sector + 1);
    return found >= 0 ? found : -found - 1;
  }
}
