package io.nbdmirror.raid.event;

import io.nbdmirror.bitmap.BitmapOwner;
import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.bitmap.ArrayBitmap;
import io.nbdmirror.raid.bitmap.BitmapPlace;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.MemberState;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a failure means. Every error of a member, of its superblock or of its bitmap copy ends here,
 * and nowhere else is it decided whether the member is out (I3, I5), the error goes to the client,
 * the bitmap is kicked (I6) or the array is broken (I7). Used on the array's loop.
 */
public final class ArrayHealth implements BitmapOwner {
  private static final Logger log = LoggerFactory.getLogger(ArrayHealth.class);

  private final String name;
  private final Members members;
  private final boolean readOnly;
  private final ArrayBitmap bitmap;
  private final SuperblockUpdates updates;
  private final ArrayEvents happenings;
  private final BadBlockRecords badBlocks = new BadBlockRecords(this);
  private Runnable memberFailedListener = () -> {};
  private @Nullable DeviceException broken;
  private long memberFailures;

  /**
   * The array as assembly found it.
   *
   * @param name for the log
   * @param pages the bitmap, loaded
   * @param place where it is kept
   * @param needed whether set bits stand for chunks that must be copied
   * @param events the event count of the freshest member
   */
  public ArrayHealth(
      String name,
      Members members,
      BitmapPages pages,
      BitmapPlace place,
      boolean needed,
      long events,
      boolean readOnly,
      Scheduler scheduler) {
    this.name = name;
    this.members = members;
    this.readOnly = readOnly;
    happenings = new ArrayEvents(name);
    bitmap =
        new ArrayBitmap(
            ArrayBitmap.Kept.in(place, pages, this, this::copyFailed, scheduler, needed));
    updates =
        new SuperblockUpdates(members, bitmap, events, scheduler, this::superblockFailed, readOnly);
  }

  /** The bitmap the array has now. */
  public WriteIntentBitmap bitmap() {
    return bitmap.current();
  }

  /** The bitmap and its place. */
  public ArrayBitmap arrayBitmap() {
    return bitmap;
  }

  /** What is known of members' bad blocks. */
  public BadBlockRecords badBlocks() {
    return badBlocks;
  }

  public SuperblockUpdates updates() {
    return updates;
  }

  /** Where what happens to the array is told. */
  public ArrayEvents happenings() {
    return happenings;
  }

  /** {@code listener} runs each time a member has failed. */
  public void onMemberFailed(Runnable listener) {
    memberFailedListener = listener;
  }

  /** Members that failed since assembly. */
  public long memberFailures() {
    return memberFailures;
  }

  /** Why nothing is written any more; null while the array works. */
  public @Nullable DeviceException broken() {
    return broken;
  }

  /** A write of data to {@code member} failed. The last in-sync member stays. */
  public void writeFailed(Member member, DeviceException failure) {
    member.countWriteError();
    fail(member, failure);
  }

  /**
   * A read from {@code member} failed.
   *
   * @return whether another member is to be asked instead
   */
  public boolean readFailed(Member member, DeviceException failure) {
    member.countReadError();
    return fail(member, failure);
  }

  @Override
  public boolean mayClear() {
    return broken == null && !readOnly && !members.isDegraded();
  }

  @Override
  public long events() {
    return updates.events();
  }

  /** {@inheritDoc} A member whose flush fails is out; on the last the array is broken (I5, I7). */
  @Override
  public void flushMembers(Completion done) {
    new FlushAll(done).start();
  }

  @Override
  public void bitmapFailed(DeviceException failure) {
    if (bitmap.failure() == null) {
      // One that was exchanged meanwhile: the events have passed it, and the new one is good (I6).
      return;
    }
    log.error(
        "array {}: the write-intent bitmap cannot be written and is not used any more;"
            + " a crash from now on means a full resync: {}",
        name,
        failure.getMessage());
    happenings.tell(
        ArrayEvent.Kind.BITMAP_KICKED,
        "the write-intent bitmap cannot be written: " + failure.getMessage());
    updates.recordFailure();
    bitmap.retire();
  }

  /** The bitmap must not be written any more, for a reason that no write of it has met (I6). */
  public void bitmapLost(DeviceException failure) {
    if (bitmap.isTrusted()) {
      bitmap.current().commits().kick(failure);
      bitmapFailed(failure);
    }
  }

  /** A member's copy of the bitmap could not be written. */
  public void copyFailed(BlockDevice device, DeviceException failure) {
    for (Member member : members.all()) {
      if (member.device().equals(device) && member.isWritable()) {
        member.countWriteError();
        if (!fail(member, failure)) {
          bitmapLost(failure);
        }
      }
    }
  }

  private void superblockFailed(Member member, DeviceException failure) {
    if (!fail(member, failure)) {
      breakArray(failure);
    }
  }

  /** Somebody says that {@code member} is to be left out; whether it is now (I7). */
  public boolean failByHand(Member member) {
    return fail(member, new DeviceException(Errno.EIO, member.path() + " was failed by hand"));
  }

  /**
   * {@code member} has all data and takes its slot from the member that it was made to replace,
   * which is out from now on.
   */
  public void replaced(Member member) {
    for (Member old : members.all()) {
      if (!old.equals(member) && old.slot() == member.slot() && old.isWritable()) {
        old.setState(MemberState.FAULTY);
        bitmap.drop(old.device());
        log.info("array {}: {} has taken the place of {}", name, member.path(), old.path());
      }
    }
    inherit(member);
    updates.recordFailure();
  }

  /** The one it was to replace is out. */
  private void inherit(Member replacement) {
    MdSuperblock superblock = replacement.superblock();
    superblock.setFeatureMap(superblock.featureMap() & ~MdSuperblock.FEATURE_REPLACEMENT);
    replacement.setReplacement(false);
    members.place(replacement, replacement.slot());
  }

  /**
   * Fails a member.
   *
   * @return whether it is out now; the last in-sync member never is (I7)
   */
  public boolean fail(Member member, DeviceException failure) {
    if (member.isFaulty()) {
      return true;
    }
    if (members.isLastInSync(member)) {
      log.error("array {}: {} (the only member in sync, so it stays)", name, failure.getMessage());
      return false;
    }
    boolean held = member.isInSync();
    boolean hadBits = member.isWritable();
    member.setState(MemberState.FAULTY);
    memberFailures++;
    log.error(
        "array {}: member {} failed and is left out, {} of {} members in sync: {}",
        name,
        member.path(),
        members.inSync(),
        members.slots(),
        failure.getMessage());
    if (members.isDegraded()) {
      // Its cache is not to be trusted: whatever may still have been in it must be copied (I5).
      bitmap.current().markAllNeeded();
    }
    if (hadBits) {
      bitmap.drop(member.device());
    }
    Member heir = members.replacementOf(member);
    if (heir != null) {
      inherit(heir);
    }
    if (!readOnly) {
      updates.recordFailure();
    }
    happenings.tell(
        held ? ArrayEvent.Kind.FAIL : ArrayEvent.Kind.FAIL_SPARE,
        member,
        String.valueOf(failure.getMessage()));
    memberFailedListener.run();
    return true;
  }

  /** Its cache is not to be trusted any more (I5); nor is the array when it is the last (I7). */
  void flushFailed(Member member, DeviceException failure) {
    member.countWriteError();
    if (!fail(member, failure)) {
      breakArray(failure);
    }
  }

  /** Nobody has what was acknowledged there; so no flush may be any more (I5, I7). */
  public void acknowledgedLost(long startBytes, long endBytes, DeviceException failure) {
    breakArray(
        new DeviceException(
            Errno.EIO,
            "bytes %d to %d were acknowledged, and no member that has them is left: %s"
                .formatted(startBytes, endBytes, failure.getMessage())));
  }

  private void breakArray(DeviceException failure) {
    if (broken == null) {
      updates.end();
      broken =
          new DeviceException(
              Errno.EIO,
              "array %s is broken and takes no write until it is assembled again: %s"
                  .formatted(name, failure.getMessage()));
      log.error("{}", broken.getMessage());
      happenings.tell(ArrayEvent.Kind.ARRAY_BROKEN, String.valueOf(broken.getMessage()));
    }
  }

  /** One flush of every member that gets writes. */
  private final class FlushAll {
    private final Completion done;
    private final List<Member> asked = members.all();
    private int pending = 1;

    /** Who was flushed: one bit for each of {@code asked}. */
    private int flushed;

    private @Nullable DeviceException failure;

    FlushAll(Completion done) {
      this.done = done;
    }

    void start() {
      for (int i = 0; i < asked.size(); i++) {
        Member member = asked.get(i);
        if (member.isWritable()) {
          pending++;
          int bit = 1 << i;
          member.flush(memberFailure -> memberFlushed(member, bit, memberFailure));
        }
      }
      oneDone();
    }

    private void memberFlushed(Member member, int bit, @Nullable DeviceException memberFailure) {
      if (memberFailure == null) {
        flushed |= bit;
      } else {
        failure = memberFailure;
        flushFailed(member, memberFailure);
      }
      oneDone();
    }

    /** One that was being rebuilt when it began has all data by now. */
    private boolean isInSyncFlushed() {
      for (int i = 0; i < asked.size(); i++) {
        if ((flushed & 1 << i) != 0 && asked.get(i).isInSync()) {
          return true;
        }
      }
      return false;
    }

    private void oneDone() {
      if (--pending == 0) {
        if (broken != null) {
          done.completed(broken);
        } else {
          done.completed(isInSyncFlushed() ? null : failure);
        }
      }
    }
  }
}
