package io.nbdmirror.raid.write;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.read.ReadPath;
import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Writes that were acknowledged although write-mostly members do not have them yet (md's
 * write-behind, which the bitmap's superblock limits): which may be, who waits for them, and what
 * no member has in the end. They keep their range, their bits and their place among the requests in
 * flight until the last member has them; so a crash finds their chunks marked (I1), and whatever
 * waits for writes to end waits for these. Used on the array's loop.
 */
public final class WritesBehind implements ReadPath.Behind {
  /** A range that was acknowledged and that nobody has. */
  private record Lost(long startBytes, long endBytes) {}

  /** Somebody who waits for all writes up to a number. */
  private record Waiting(long number, Runnable task) {}

  private final Members members;
  private final ArrayHealth health;
  private final Copies copies = new Copies();
  private final ArrayDeque<Waiting> waiting = new ArrayDeque<>();
  private final ArrayDeque<Reader> readers = new ArrayDeque<>();
  private final List<Lost> lost = new ArrayList<>();
  private @Nullable Lag oldest;
  private @Nullable Lag newest;
  private long lastNumber;

  /** Requests that may go on behind, whether they do already or not. */
  private int allowed;

  public WritesBehind(Members members, ArrayHealth health) {
    this.members = members;
    this.health = health;
  }

  /**
   * Lets a request go on behind if that may be: there is a bitmap to mark it in, a place is free,
   * and so is memory for its bytes.
   *
   * @param source what goes to members, {@code lengthBytes} from {@code index} on; 0 of them when
   *     the request brings no data
   */
  void tryAllow(Lag lag, ByteBuf source, int index, int lengthBytes) {
    if (allowed >= limit() || !anyMayLag()) {
      return;
    }
    Copies.Copy own = lengthBytes == 0 ? null : copies.take(source, index, lengthBytes);
    if (own != null || lengthBytes == 0) {
      allowed++;
      lag.allow(own);
    }
  }

  /** How many requests may be behind; 0 without a bitmap that would tell of them after a crash. */
  private int limit() {
    return health.arrayBitmap().isTrusted() ? health.bitmap().superblock().writeBehind() : 0;
  }

  /**
   * Whether writes may end before this member has them. Not one that is to take another's place:
   * that one goes when it has everything.
   */
  static boolean mayLag(Member member) {
    return member.isWriteMostly() && !member.isReplacement();
  }

  /** Somebody may lag, and somebody in sync does not. */
  private boolean anyMayLag() {
    boolean lags = false;
    boolean keepsUp = false;
    List<Member> all = members.all();
    for (int i = 0; i < all.size(); i++) {
      Member member = all.get(i);
      lags |= member.isWritable() && mayLag(member);
      keepsUp |= member.isInSync() && !mayLag(member);
    }
    return lags && keepsUp;
  }

  /** The request is about to be acknowledged. */
  void add(Lag lag) {
    lag.number = ++lastNumber;
    lag.older = newest;
    if (newest == null) {
      oldest = lag;
    } else {
      newest.newer = lag;
    }
    newest = lag;
  }

  /** The request is over; {@link #tell} is to follow when it is out of every list. */
  void remove(Lag lag) {
    if (!lag.isAllowed()) {
      return;
    }
    if (lag.isBehind()) {
      unlink(lag);
    }
    Copies.Copy own = lag.copy();
    if (own != null) {
      copies.giveBack(own);
    }
    lag.clear();
    allowed--;
  }

  private void unlink(Lag lag) {
    Lag before = lag.older;
    Lag after = lag.newer;
    if (before == null) {
      oldest = after;
    } else {
      before.newer = after;
    }
    if (after == null) {
      newest = before;
    } else {
      after.older = before;
    }
    lag.older = null;
    lag.newer = null;
  }

  /** Members lack less than before: those who wait for that look again. */
  void tell() {
    // Who has to wait on joins the end, behind those who have not been told yet.
    for (int i = readers.size(); i > 0 && !readers.isEmpty(); i--) {
      readers.remove().lessBehind();
    }
    Waiting next = waiting.peek();
    while (next != null && isDone(next.number())) {
      waiting.remove();
      next.task().run();
      next = waiting.peek();
    }
  }

  private boolean isDone(long number) {
    Lag first = oldest;
    return first == null || first.number > number;
  }

  /** Runs {@code task} once every member has what is behind now; at once if nothing is. */
  public void whenCaughtUp(Runnable task) {
    if (oldest == null) {
      task.run();
    } else {
      waiting.add(new Waiting(lastNumber, task));
    }
  }

  /**
   * What was acknowledged is on no member in sync: those that had it failed before the last one
   * did. Nobody may take what is there for it, and the next flush must say so: the array is broken.
   */
  void lost(long startBytes, long endBytes, DeviceException failure) {
    lost.add(new Lost(startBytes, endBytes));
    health.acknowledgedLost(startBytes, endBytes, failure);
  }

  @Override
  public long lastNumber() {
    return lastNumber;
  }

  @Override
  public boolean lacks(Member member, long startBytes, long endBytes, long number) {
    if (member.writesBehind() == 0) {
      return false;
    }
    for (Lag lag = oldest; lag != null && lag.number <= number; lag = lag.newer) {
      WriteRequest request = lag.request;
      if (request.startBytes() < endBytes
          && startBytes < request.endBytes()
          && request.isBehindOn(member)) {
        return true;
      }
    }
    return false;
  }

  @Override
  public boolean isLost(long startBytes, long endBytes) {
    for (int i = 0; i < lost.size(); i++) {
      if (lost.get(i).startBytes() < endBytes && startBytes < lost.get(i).endBytes()) {
        return true;
      }
    }
    return false;
  }

  @Override
  public void whenLess(Reader reader) {
    readers.add(reader);
  }
}
