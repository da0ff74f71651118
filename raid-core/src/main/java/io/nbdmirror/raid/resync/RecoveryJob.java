package io.nbdmirror.raid.resync;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.event.ArrayEvent;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.MemberState;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.member.Recovery;
import io.nbdmirror.raid.read.ReadPath;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.write.WriteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Gives members that are being rebuilt what they lack: every chunk whose bit is set, and, to those
 * that no bitmap guides, everything from the lowest recovery offset on.
 *
 * <pre>
 *   copied ──► members flushed ──► in sync, on every superblock ──► chunks need not be copied more
 * </pre>
 *
 * How far it is gets onto a member only after a flush of it (I13). Used on the array's loop.
 */
final class RecoveryJob implements SyncJob {
  /** Chunks looked at in one turn of the loop: below a millisecond. */
  private static final int SLICE_CHUNKS = 1 << 14;

  private final Members members;
  private final ArrayHealth health;
  private final ReadPath reads;
  private final Scheduler scheduler;
  private final Doubt doubt;
  private final List<Member> targets = new ArrayList<>();
  private final int fullFrom;

  /** For the members that are being rebuilt now. */
  RecoveryJob(
      Members members, ArrayHealth health, ReadPath reads, Scheduler scheduler, Doubt doubt) {
    this.members = members;
    this.health = health;
    this.reads = reads;
    this.scheduler = scheduler;
    this.doubt = doubt;
    long fullFromBytes = Long.MAX_VALUE;
    for (Member member : members.all()) {
      if (member.isRebuilding()) {
        targets.add(member);
        if (isFull(member)) {
          long offset = member.superblock().recoveryOffset() * MdSuperblock.SECTOR_BYTES;
          fullFromBytes = Math.min(fullFromBytes, offset);
        }
      }
    }
    BitmapGeometry geometry = health.bitmap().geometry();
    fullFrom =
        fullFromBytes < geometry.sizeBytes() ? geometry.chunkAt(fullFromBytes) : geometry.chunks();
    // Nothing before it may be taken for copied while marked chunks there still have to be.
    int first = nextChunk(0);
    record(first < 0 ? geometry.sizeBytes() : geometry.chunkStartBytes(first));
  }

  private static boolean isFull(Member member) {
    return !Recovery.isByBitmap(member.superblock());
  }

  /** In memory; never further than a member has been copied to. */
  private void record(long positionBytes) {
    for (Member member : targets) {
      if (isFull(member) && member.isRebuilding()) {
        member.superblock().setRecoveryOffset(positionBytes / MdSuperblock.SECTOR_BYTES);
      }
    }
  }

  @Override
  public SyncAction action() {
    return SyncAction.RECOVERY;
  }

  @Override
  public String announcement() {
    BitmapGeometry geometry = health.bitmap().geometry();
    return "recovering %s: %d chunks of %d bytes are marked%s"
        .formatted(
            targets.stream().map(Member::path).toList(),
            health.bitmap().dirtyChunks(),
            geometry.chunkBytes(),
            fullFrom < geometry.chunks()
                ? ", and everything from offset %d on is copied"
                    .formatted(geometry.chunkStartBytes(fullFrom))
                : "");
  }

  @Override
  public Window newWindow(WriteOrder order, Window.Listener listener) {
    return new CopyWindow(members, order, health, reads, this, listener);
  }

  @Override
  public int nextChunk(int from) {
    int chunks = health.bitmap().geometry().chunks();
    if (from >= chunks) {
      return -1;
    }
    if (from >= fullFrom) {
      return from;
    }
    int marked = health.bitmap().nextSet(from);
    if (marked >= 0 && marked < fullFrom) {
      return marked;
    }
    return fullFrom < chunks ? fullFrom : -1;
  }

  @Override
  public int endOfRun(int chunk, int limit) {
    int end = chunk + 1;
    while (end < limit && (end >= fullFrom || health.bitmap().pages().isSet(end))) {
      end++;
    }
    return end;
  }

  @Override
  public @Nullable Member source() {
    return members.source();
  }

  @Override
  public boolean isTarget(Member member) {
    return member.isRebuilding() && targets.contains(member);
  }

  @Override
  public boolean hasTarget() {
    for (Member member : targets) {
      if (member.isRebuilding()) {
        return true;
      }
    }
    return false;
  }

  @Override
  public void chunkStarted(int chunk) {
    if (health.bitmap().counters().isNeeded(chunk)) {
      health.bitmap().startResync(chunk);
    }
  }

  /** It stays NEEDED until the member is in sync: what was copied is not durable yet. */
  @Override
  public void chunkDone(int chunk) {
    chunkGivenUp(chunk);
  }

  @Override
  public void chunkGivenUp(int chunk) {
    if (health.bitmap().counters().isResyncing(chunk)) {
      health.bitmap().endResync(chunk, false);
    }
  }

  @Override
  public void checkpoint(long positionBytes, Runnable then) {
    if (targets.stream().noneMatch(RecoveryJob::isFull)) {
      then.run();
      return;
    }
    flushTargets(() -> {
      record(positionBytes);
      health.updates().recordChange();
      health.updates().whenSettled(then::run);
    });
  }

  /** Those that cannot be flushed have failed when {@code then} runs. */
  private void flushTargets(Runnable then) {
    List<Member> flushed = targets.stream().filter(Member::isRebuilding).toList();
    Runnable oneDone = new Countdown(flushed.size(), then);
    for (Member member : flushed) {
      member.flush(failure -> flushed(member, failure, oneDone));
    }
    oneDone.run();
  }

  private void flushed(Member member, @Nullable DeviceException failure, Runnable oneDone) {
    if (failure != null) {
      health.writeFailed(member, failure);
    }
    oneDone.run();
  }

  @Override
  public void finish(boolean complete, long positionBytes, Runnable ended) {
    if (!complete) {
      ended.run();
      return;
    }
    flushTargets(() -> {
      List<Member> done = targets.stream().filter(Member::isRebuilding).toList();
      done.forEach(this::nowInSync);
      health
          .updates()
          .whenSettled(() -> {
            for (Member member : done) {
              health
                  .happenings()
                  .tell(
                      ArrayEvent.Kind.SPARE_ACTIVE,
                      member,
                      "%s has all data now".formatted(member.path()));
            }
            forgetNeeded(0, ended);
          });
    });
  }

  private void nowInSync(Member member) {
    boolean replacement = member.isReplacement();
    Recovery.none(member.superblock());
    member.setState(MemberState.IN_SYNC);
    if (replacement) {
      health.replaced(member);
    } else {
      health.updates().recordChange();
    }
  }

  /**
   * With every slot's member in sync, what was kept for those that were out need not be kept: the
   * bits may be cleared as any others. Once more: a member may fail while this goes on.
   */
  private void forgetNeeded(int from, Runnable ended) {
    WriteIntentBitmap bitmap = health.bitmap();
    int chunk = bitmap.nextSet(from);
    for (int i = 0; chunk >= 0 && !members.isDegraded(); i++) {
      if (i == SLICE_CHUNKS) {
        int next = chunk;
        scheduler.execute(() -> forgetNeeded(next, ended));
        return;
      }
      if (!doubt.isIn(chunk)) {
        bitmap.forgetNeeded(chunk);
      }
      chunk = bitmap.nextSet(chunk + 1);
    }
    ended.run();
  }

  /** Runs a task when it has been run itself once more than {@code count} times. */
  private static final class Countdown implements Runnable {
    private final Runnable then;
    private int left;

    Countdown(int count, Runnable then) {
      this.left = count + 1;
      this.then = then;
    }

    @Override
    public void run() {
      if (--left == 0) {
        then.run();
      }
    }
  }
}
