package io.nbdmirror.bitmap.counters;

/**
 * The 16-bit counter of each chunk, as md keeps it (md-bitmap.h, {@code bitmap_counter_t}).
 *
 * <pre>
 *   15      14      13 ... 0
 *   NEEDED  RESYNC  count
 *
 *   count 0    no bit is set
 *         1    idle for a whole period: the next pass may clear the bit
 *         2    idle since the last pass
 *         n    n - 2 writes in flight
 * </pre>
 *
 * NEEDED: members may differ here and it must be copied. RESYNC: it is being copied. With either
 * flag a chunk never ages. Used on one loop.
 */
public final class ChunkCounters {
  /** The most writes in flight that one chunk can count. */
  public static final int MAX_WRITES = 0x3fff - 2;

  private static final int NEEDED = 0x8000;
  private static final int RESYNC = 0x4000;
  private static final int COUNT = 0x3fff;
  private static final int IDLE = 2;
  private static final int AGED = 1;

  private final char[] counters;

  public ChunkCounters(int chunks) {
    counters = new char[chunks];
  }

  public int chunks() {
    return counters.length;
  }

  /** Whether no further write fits. */
  public boolean isFull(int chunk) {
    return (counters[chunk] & COUNT) == COUNT;
  }

  /** Whether the chunk has no bit set. */
  public boolean isUnset(int chunk) {
    return (counters[chunk] & COUNT) == 0;
  }

  /** Whether nothing happened in the chunk for a whole period and nothing need be copied. */
  public boolean isAged(int chunk) {
    return counters[chunk] == AGED;
  }

  public boolean isNeeded(int chunk) {
    return (counters[chunk] & NEEDED) != 0;
  }

  public boolean isResyncing(int chunk) {
    return (counters[chunk] & RESYNC) != 0;
  }

  /** Writes in flight. */
  public int writes(int chunk) {
    return Math.max(0, (counters[chunk] & COUNT) - IDLE);
  }

  /** A write begins; the caller has seen that the counter is not full. */
  public void startWrite(int chunk) {
    int counter = counters[chunk];
    int count = Math.max(counter & COUNT, IDLE) + 1;
    assert count <= COUNT : "counter of chunk " + chunk + " overflows";
    counters[chunk] = (char) ((counter & ~COUNT) | count);
  }

  /** A write ended. A failed one leaves the chunk NEEDED. */
  public void endWrite(int chunk, boolean success) {
    int counter = counters[chunk];
    assert (counter & COUNT) > IDLE : "a write of chunk " + chunk + " ends that did not begin";
    counters[chunk] = (char) (success ? counter - 1 : (counter - 1) | NEEDED);
  }

  /** The chunk's bit is set on the medium and no write is in flight: as after loading. */
  public void markSet(int chunk, boolean needed) {
    int counter = counters[chunk];
    int count = Math.max(counter & COUNT, IDLE);
    counters[chunk] = (char) ((counter & ~COUNT) | count | (needed ? NEEDED : 0));
  }

  /** NEEDED becomes RESYNC: copying begins. */
  public void startResync(int chunk) {
    counters[chunk] = (char) ((counters[chunk] & ~NEEDED) | RESYNC);
  }

  /** Copying ended; if it did not succeed, or not for all members, the chunk stays NEEDED. */
  public void endResync(int chunk, boolean success) {
    int counter = counters[chunk] & ~RESYNC;
    counters[chunk] = (char) (success ? counter : counter | NEEDED);
  }

  /** A pass of the daemon goes by: an idle chunk is aged now. */
  public void age(int chunk) {
    if (counters[chunk] == IDLE) {
      counters[chunk] = AGED;
    }
  }

  /** The bit of an aged chunk is cleared. */
  public void clear(int chunk) {
    assert isAged(chunk) : "chunk " + chunk + " is cleared in use";
    counters[chunk] = 0;
  }
}
