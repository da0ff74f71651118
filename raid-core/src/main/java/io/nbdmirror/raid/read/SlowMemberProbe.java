package io.nbdmirror.raid.read;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.event.InFlight;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Lets a member that was found slow show that it is so no more: now and then it is asked for a
 * block that a client reads from another one. Nobody waits for the answer, only its time counts.
 * One probe at a time; used on the array's loop.
 */
final class SlowMemberProbe implements Completion {
  /** A slow member is asked this often. */
  static final long PERIOD_NANOS = 250_000_000;

  private static final int PROBE_BYTES = 4096;

  private final Members members;
  private final ReadBalance balance;
  private final InFlight inFlight;
  private final Scheduler clock;
  private final int lengthBytes;
  private ByteBuf buffer = Unpooled.EMPTY_BUFFER;
  private @Nullable Member asked;
  private long startNanos;

  SlowMemberProbe(Members members, ReadBalance balance, InFlight inFlight, Scheduler clock) {
    this.members = members;
    this.balance = balance;
    this.inFlight = inFlight;
    this.clock = clock;
    lengthBytes = Math.max(PROBE_BYTES, members.blockBytes());
  }

  /** A client reads a range elsewhere: the time to look at those who were passed over. */
  void clientReads(long offsetBytes, long bytes, long nowNanos) {
    if (asked != null || bytes < lengthBytes) {
      return;
    }
    List<Member> all = members.all();
    for (int i = 0; i < all.size(); i++) {
      Member member = all.get(i);
      if (member.isInSync()
          && member.pendingReads() == 0
          && nowNanos - member.readLatency().lastSampleNanos() >= PERIOD_NANOS
          && balance.isSlow(member)) {
        probe(member, offsetBytes, nowNanos);
        return;
      }
    }
  }

  private void probe(Member member, long offsetBytes, long nowNanos) {
    inFlight.start();
    asked = member;
    startNanos = nowNanos;
    buffer = PooledByteBufAllocator.DEFAULT.directBuffer(lengthBytes, lengthBytes);
    member.read(offsetBytes, buffer, 0, lengthBytes, this);
  }

  /** {@inheritDoc} An error is none of ours: a client's read will meet it, if one comes. */
  @Override
  public void completed(@Nullable DeviceException failure) {
    Member member = asked;
    asked = null;
    buffer.release();
    buffer = Unpooled.EMPTY_BUFFER;
    if (member != null) {
      long now = clock.nanoTime();
      member.readLatency().sample(now, now - startNanos, lengthBytes);
    }
    inFlight.end();
  }
}
