package io.nbdmirror.raid.resync;

import io.nbdmirror.raid.event.ArrayEvent;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.read.ReadPath;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import io.nbdmirror.raid.write.BitmapGate;
import io.nbdmirror.raid.write.WriteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Compares all members in sync with one another, block by block, and for a repair writes one
 * member's data over the others' where they differ. Gives way to a resync or recovery. Used on the
 * array's loop.
 */
final class ScrubJob implements SyncJob {
  private final Members members;
  private final ArrayHealth health;
  private final ReadPath reads;
  private final Doubt doubt;
  private final BitmapGate gate;
  private final Scrub scrub;

  ScrubJob(
      Members members,
      ArrayHealth health,
      ReadPath reads,
      Doubt doubt,
      BitmapGate gate,
      Scrub scrub) {
    this.members = members;
    this.health = health;
    this.reads = reads;
    this.doubt = doubt;
    this.gate = gate;
    this.scrub = scrub;
  }

  @Override
  public SyncAction action() {
    return scrub.action();
  }

  boolean isRepair() {
    return scrub.action() == SyncAction.REPAIR;
  }

  @Override
  public String announcement() {
    Member from = source();
    return "%s of %d members%s%s"
        .formatted(
            action(),
            members.inSync(),
            isRepair() && from != null ? " from " + from.path() : "",
            scrub.position() > 0 ? ", going on at offset " + scrub.position() : "");
  }

  @Override
  public String outcome(boolean complete, long bytesWritten) {
    String how = "%s %s".formatted(action(), complete ? "done" : "ended early");
    if (isRepair()) {
      return "%s, %d bytes written".formatted(how, bytesWritten);
    }
    Mismatches found = scrub.mismatches();
    return found.isEmpty()
        ? how + ", no mismatches found"
        : "%s, members differ in %d bytes".formatted(how, found.bytes());
  }

  @Override
  public Window newWindow(WriteOrder order, Window.Listener listener) {
    return new CompareWindow(members, order, health, reads, gate, this, listener);
  }

  @Override
  public int nextChunk(int from) {
    return from < health.bitmap().geometry().chunks() ? from : -1;
  }

  @Override
  public int endOfRun(int chunk, int limit) {
    return limit;
  }

  @Override
  public @Nullable Member source() {
    String path = scrub.fromPath();
    if (path == null) {
      return members.source();
    }
    // The operator chose it: nobody else will do.
    Member chosen = members.withPath(path);
    return chosen != null && chosen.isInSync() ? chosen : null;
  }

  @Override
  public boolean isTarget(Member member) {
    return member.isInSync();
  }

  @Override
  public boolean hasTarget() {
    return members.inSync() > 1 && source() != null && !members.anyRebuilding() && doubt.isEmpty();
  }

  /** Members were found to differ here. */
  void differs(long startBytes, long endBytes) {
    scrub.mismatches().add(startBytes, endBytes);
  }

  /** Members are the same in this range, or what is known of it is about to be told anew. */
  void forget(long startBytes, long endBytes) {
    scrub.mismatches().remove(startBytes, endBytes);
  }

  @Override
  public void chunkStarted(int chunk) {}

  @Override
  public void chunkDone(int chunk) {}

  @Override
  public void chunkGivenUp(int chunk) {}

  @Override
  public void checkpoint(long positionBytes, Runnable then) {
    then.run();
  }

  /** What was repaired counts as done when it is durable (I13). */
  @Override
  public void finish(boolean complete, long positionBytes, Runnable ended) {
    if (!isRepair() || health.broken() != null) {
      finished(complete, positionBytes);
      ended.run();
      return;
    }
    health.flushMembers(failure -> {
      finished(complete && failure == null, positionBytes);
      ended.run();
    });
  }

  private void finished(boolean complete, long positionBytes) {
    if (complete) {
      scrub.completed();
    } else {
      scrub.stoppedAt(positionBytes);
    }
    Mismatches found = scrub.mismatches();
    if (!isRepair() && !found.isEmpty()) {
      health
          .happenings()
          .tell(
              ArrayEvent.Kind.MISMATCHES_FOUND,
              "members differ in %d bytes, in %s%d ranges"
                  .formatted(found.bytes(), found.isCut() ? "more than " : "", found.count()));
    }
  }
}
