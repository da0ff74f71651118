package io.nbdmirror.raid.read;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.event.InFlight;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;

/**
 * Takes reads on their way: {@link ReadRequest} walks the steps, this holds what they share.
 * Requests are reused, so that a read allocates nothing. Used on the array's loop.
 */
public final class ReadPath {
  /** Where members may differ from one another. */
  @FunctionalInterface
  public interface Doubt {
    boolean mayDiffer(long startBytes, long endBytes);
  }

  /** Lets reads wait where what they would read is about to become something else. */
  @FunctionalInterface
  public interface Turns {
    /**
     * Whether bytes of a member that may be out by now are on their way to others in the range; if
     * so, {@code then} runs when they are there.
     */
    boolean waitsForOldBytes(long startBytes, long endBytes, Runnable then);
  }

  /** What members lack of what was acknowledged (md's write-behind). */
  public interface Behind {
    /** Somebody who waits for a member that lacks something. */
    @FunctionalInterface
    interface Reader {
      /** Members lack less than before. */
      void lessBehind();
    }

    /** How many writes were acknowledged so far before all members had them. */
    long lastNumber();

    /**
     * Whether {@code member} must not be read: it lacks something in the range.
     *
     * @param number later writes than this one do not count
     */
    boolean lacks(Member member, long startBytes, long endBytes, long number);

    /** Whether nobody has what was acknowledged in the range. */
    boolean isLost(long startBytes, long endBytes);

    /** Tells {@code reader} once, when members lack less. */
    void whenLess(Reader reader);
  }

  /** Mends what a member could not read. */
  public interface Mender {
    /** Told when it is done. */
    @FunctionalInterface
    interface Listener {
      /**
       * Reads may go on.
       *
       * @param mended the member can read its good blocks in the range again, or is out
       */
      void mended(boolean mended);
    }

    /**
     * Does something about a range that {@code member} could not read, before anybody reads on.
     *
     * @param ordered the caller holds the range in the order of writes already
     */
    void mend(Member member, long startBytes, long endBytes, boolean ordered, Listener done);

    /** As {@link #mend}, while the reader is served by another member. */
    void mendMeanwhile(Member member, long startBytes, long endBytes);
  }

  final Members members;
  final Doubt doubt;
  final Turns turns;
  final Behind behind;
  final Mender mender;
  final ReadBalance balance;
  final SlowMemberProbe probe;
  final Scheduler clock;
  final int blockBytes;

  private final InFlight inFlight;
  private final ArrayDeque<ReadRequest> free = new ArrayDeque<>();

  /**
   * Nothing is read yet.
   *
   * @param inFlight counts reads, also those that no client made
   */
  public ReadPath(
      Members members,
      Doubt doubt,
      Turns turns,
      Behind behind,
      Mender mender,
      InFlight inFlight,
      Scheduler scheduler) {
    this.members = members;
    this.doubt = doubt;
    this.turns = turns;
    this.behind = behind;
    this.mender = mender;
    this.inFlight = inFlight;
    clock = scheduler;
    balance = new ReadBalance(members);
    probe = new SlowMemberProbe(members, balance, inFlight, scheduler);
    blockBytes = members.blockBytes();
  }

  /**
   * Reads into {@code target} from {@code index} on; needs no alignment. A failure with {@link
   * io.nbdmirror.io.Errno#ETIMEDOUT} means that a member hung on it and still holds the target: ask
   * again with a fresh one.
   */
  public void read(long offsetBytes, ByteBuf target, int index, int lengthBytes, Completion done) {
    next().start(offsetBytes, target, index, lengthBytes, false, done);
  }

  /** As {@link #read}, by somebody who holds the range in the order of writes. */
  public void readOrdered(
      long offsetBytes, ByteBuf target, int index, int lengthBytes, Completion done) {
    next().start(offsetBytes, target, index, lengthBytes, true, done);
  }

  /** Mends what {@code member} could not read, for one who holds the range. */
  public void mendOrdered(Member member, long startBytes, long endBytes, Mender.Listener done) {
    mender.mend(member, startBytes, endBytes, true, done);
  }

  /** Whether members may differ in the range. */
  public boolean mayDiffer(long startBytes, long endBytes) {
    return doubt.mayDiffer(startBytes, endBytes);
  }

  private ReadRequest next() {
    inFlight.start();
    ReadRequest request = free.poll();
    return request == null ? new ReadRequest(this) : request;
  }

  void ended(ReadRequest request) {
    free.push(request);
  }

  /** Counts as a read of its own until {@link #answered}. */
  void mendingFollows() {
    inFlight.start();
  }

  /** Once the answer was given. */
  void answered() {
    inFlight.end();
  }
}
