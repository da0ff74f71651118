package io.nbdmirror.raid.read;

import io.nbdmirror.raid.member.Member;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The sequential streams that are being read, told apart by where each goes on: a read that starts
 * where an earlier one ended belongs to its stream. Remembers which member each is read from. Of
 * many random reads, which all look like the start of a stream, only the latest are remembered;
 * they do not push out a stream that has gone on. Allocates nothing.
 */
final class ReadStreams {
  private static final int STREAMS = 32;

  /** A stream that has gone on outlives this many reads that are none of its own. */
  private static final int PATIENCE = 1024;

  static final int NONE = -1;

  private final long[] next = new long[STREAMS];
  private final long[] runStart = new long[STREAMS];
  private final long[] lastUse = new long[STREAMS];
  private final @Nullable Member[] members = new Member[STREAMS];
  private long clock;

  ReadStreams() {
    Arrays.fill(next, -1);
  }

  /** The stream that goes on at this offset; {@link #NONE} when none does. */
  int goingOnAt(long offsetBytes) {
    for (int i = 0; i < STREAMS; i++) {
      if (next[i] == offsetBytes) {
        return i;
      }
    }
    return NONE;
  }

  @Nullable Member member(int stream) {
    return members[stream];
  }

  /** How far the stream has come on the member that it is read from now, in bytes. */
  long runBytes(int stream) {
    return next[stream] - runStart[stream];
  }

  /**
   * A read is made.
   *
   * @param stream the one it goes on with, or {@link #NONE}: then it may be the start of one
   * @param member who is asked
   */
  void read(int stream, long startBytes, long endBytes, Member member) {
    clock++;
    int slot = stream;
    if (slot == NONE) {
      slot = leastUseful();
      lastUse[slot] = clock;
      runStart[slot] = startBytes;
    } else {
      lastUse[slot] = clock + PATIENCE;
      if (!member.equals(members[slot])) {
        runStart[slot] = startBytes;
      }
    }
    next[slot] = endBytes;
    members[slot] = member;
  }

  private int leastUseful() {
    int least = 0;
    for (int i = 1; i < STREAMS; i++) {
      if (lastUse[i] < lastUse[least]) {
        least = i;
      }
    }
    return least;
  }
}
