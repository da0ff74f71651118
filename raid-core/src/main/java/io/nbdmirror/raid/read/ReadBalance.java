package io.nbdmirror.raid.read;

import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which member a read goes to where all in sync have the same data (raid1.c, {@code read_balance}).
 * A sequential stream stays with its member; any other read goes to the one with the fewest reads
 * in flight. Members that are much slower than the others come after those, write-mostly ones last.
 * Allocates nothing; used on the array's loop.
 */
final class ReadBalance {
  /** A stream that has run this far moves to a member that has nothing to do. */
  static final long STREAM_BYTES = 8 << 20;

  /** Slow is who takes so many times as long as the fastest, */
  private static final int SLOW_FACTOR = 8;

  /** and longer than this: caches make differences that are of no account. */
  private static final long SLOW_NANOS = 1_000_000;

  private static final int RANK_SLOW = 1;
  private static final int RANK_WRITE_MOSTLY = 2;

  private final Members members;
  private final ReadStreams streams = new ReadStreams();

  ReadBalance(Members members) {
    this.members = members;
  }

  /**
   * Chooses, among those in sync that have no bad block in the range.
   *
   * @param excluded have failed to read it already
   * @return null when nobody is left
   */
  @Nullable Member choose(long startBytes, long endBytes, List<Member> excluded) {
    Member best = best(startBytes, endBytes, excluded);
    if (best == null) {
      return null;
    }
    int stream = streams.goingOnAt(startBytes);
    Member chosen = best;
    if (stream != ReadStreams.NONE) {
      Member own = streams.member(stream);
      if (own != null
          && has(own, startBytes, endBytes, excluded)
          && rank(own) <= rank(best)
          && !movesOn(stream, own, best)) {
        chosen = own;
      }
    }
    streams.read(stream, startBytes, endBytes, chosen);
    return chosen;
  }

  private boolean movesOn(int stream, Member own, Member best) {
    return streams.runBytes(stream) >= STREAM_BYTES
        && own.pendingReads() > 0
        && best.pendingReads() == 0;
  }

  private @Nullable Member best(long startBytes, long endBytes, List<Member> excluded) {
    Member best = null;
    List<Member> all = members.all();
    for (int i = 0; i < all.size(); i++) {
      Member member = all.get(i);
      if (has(member, startBytes, endBytes, excluded) && (best == null || isBetter(member, best))) {
        best = member;
      }
    }
    return best;
  }

  private boolean isBetter(Member member, Member best) {
    int rank = rank(member);
    int bestRank = rank(best);
    return rank == bestRank ? member.pendingReads() < best.pendingReads() : rank < bestRank;
  }

  /** A member may be gone from the array and be remembered by a stream still. */
  private boolean has(Member member, long startBytes, long endBytes, List<Member> excluded) {
    return member.isInSync()
        && !member.isBad(startBytes, endBytes)
        && !excluded.contains(member)
        && members.all().contains(member);
  }

  private int rank(Member member) {
    if (member.isWriteMostly()) {
      return RANK_WRITE_MOSTLY;
    }
    return isSlow(member) ? RANK_SLOW : 0;
  }

  /** Whether it takes much longer to read than the fastest of the others that are read. */
  boolean isSlow(Member member) {
    long own = member.readLatency().averageNanos();
    if (own <= SLOW_NANOS) {
      return false;
    }
    List<Member> all = members.all();
    for (int i = 0; i < all.size(); i++) {
      Member other = all.get(i);
      if (!other.equals(member)
          && other.isInSync()
          && !other.isWriteMostly()
          && other.readLatency().samples() > 0
          && other.readLatency().averageNanos() < own / SLOW_FACTOR) {
        return true;
      }
    }
    return false;
  }
}
