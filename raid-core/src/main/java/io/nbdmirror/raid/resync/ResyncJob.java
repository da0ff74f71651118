package io.nbdmirror.raid.resync;

import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.read.ReadPath;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import io.nbdmirror.raid.write.WriteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Makes members the same again after an unclean stop: every chunk in doubt is copied from the
 * source to all others. Its bit is cleared later, as any other, after every member was flushed
 * (I13). Used on the array's loop.
 */
final class ResyncJob implements SyncJob {
  private final Members members;
  private final ArrayHealth health;
  private final ReadPath reads;
  private final Doubt doubt;

  ResyncJob(Members members, ArrayHealth health, ReadPath reads, Doubt doubt) {
    this.members = members;
    this.health = health;
    this.reads = reads;
    this.doubt = doubt;
  }

  @Override
  public SyncAction action() {
    return SyncAction.RESYNC;
  }

  @Override
  public String announcement() {
    return "members may differ, resyncing %d of %d chunks of %d bytes"
        .formatted(
            doubt.count(),
            health.bitmap().geometry().chunks(),
            health.bitmap().geometry().chunkBytes());
  }

  @Override
  public Window newWindow(WriteOrder order, Window.Listener listener) {
    return new CopyWindow(members, order, health, reads, this, listener);
  }

  @Override
  public int nextChunk(int from) {
    return doubt.next(from);
  }

  @Override
  public int endOfRun(int chunk, int limit) {
    return Math.min(doubt.endOfRun(chunk), limit);
  }

  @Override
  public @Nullable Member source() {
    return members.source();
  }

  @Override
  public boolean isTarget(Member member) {
    return member.isWritable();
  }

  @Override
  public boolean hasTarget() {
    return members.writable() > 1;
  }

  @Override
  public void chunkStarted(int chunk) {
    health.bitmap().startResync(chunk);
  }

  @Override
  public void chunkDone(int chunk) {
    if (doubt.isIn(chunk)) {
      doubt.remove(chunk);
      health.bitmap().endResync(chunk, !members.isDegraded());
    }
  }

  @Override
  public void chunkGivenUp(int chunk) {
    if (health.bitmap().counters().isResyncing(chunk)) {
      health.bitmap().endResync(chunk, false);
    }
  }

  @Override
  public void checkpoint(long positionBytes, Runnable then) {
    then.run();
  }

  @Override
  public void finish(boolean complete, long positionBytes, Runnable ended) {
    if (members.writable() <= 1) {
      doubt.clear();
    }
    ended.run();
  }
}
