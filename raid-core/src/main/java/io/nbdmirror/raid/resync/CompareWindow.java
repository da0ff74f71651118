package io.nbdmirror.raid.resync;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.read.ReadPath;
import io.nbdmirror.raid.write.BitmapGate;
import io.nbdmirror.raid.write.WriteOrder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A window of a check or repair: reads the range from all members in sync and compares them; a hole
 * reads as zeroes. What a member cannot read is mended, and the window starts over; a member with
 * bad blocks in the range is left out of the comparison.
 */
final class CompareWindow extends Window {
  /**
   * What one member has.
   *
   * @param differing a bit for each block of {@link Differences#BLOCK_BYTES} in which it is not the
   *     same as the source
   */
  record Copy(Member member, ByteBuf bytes, BitSet differing) {}

  private final Members members;
  private final ArrayHealth health;
  private final ReadPath reads;
  private final ScrubJob job;
  private final RepairWrite repair;

  /** The source first. */
  private final List<Copy> copies = new ArrayList<>();

  private final BitSet differing = new BitSet();
  private int pending;
  private boolean startOver;
  private boolean unreadable;

  CompareWindow(
      Members members,
      WriteOrder order,
      ArrayHealth health,
      ReadPath reads,
      BitmapGate gate,
      ScrubJob job,
      Listener listener) {
    super(order, listener);
    this.members = members;
    this.health = health;
    this.reads = reads;
    this.job = job;
    repair = new RepairWrite(members, health, gate, this::repaired);
  }

  @Override
  void prepare(WindowRange range) {}

  @Override
  protected void granted() {
    readAll();
  }

  private void readAll() {
    startOver = false;
    unreadable = false;
    takeCopies();
    if (copies.size() < 2 || health.broken() != null) {
      // With bad blocks there may be nothing to compare here, and more elsewhere.
      finish(0, health.broken() == null && members.inSync() > 1);
      return;
    }
    // One more than there are reads, so that inline completions do not end it early.
    pending = 1;
    for (Copy copy : copies) {
      pending++;
      copy.member()
          .read(startBytes(), copy.bytes(), 0, lengthBytes(), failure -> read(copy, failure));
    }
    oneRead();
  }

  /** One that hung may still write to its last buffer: each attempt has its own. */
  private void takeCopies() {
    releaseCopies();
    Member source = job.source();
    if (source == null || source.isBad(startBytes(), endBytes())) {
      return;
    }
    copies.add(newCopy(source));
    for (Member member : members.all()) {
      if (member.isInSync() && !member.equals(source) && !member.isBad(startBytes(), endBytes())) {
        copies.add(newCopy(member));
      }
    }
  }

  private static Copy newCopy(Member member) {
    return new Copy(
        member, PooledByteBufAllocator.DEFAULT.directBuffer(MAX_BYTES, MAX_BYTES), new BitSet());
  }

  private void read(Copy copy, @Nullable DeviceException failure) {
    if (failure == null) {
      oneRead();
    } else if (failure.errno() == Errno.ETIMEDOUT) {
      startOver = true;
      oneRead();
    } else {
      copy.member().countReadError();
      reads.mendOrdered(copy.member(), startBytes(), endBytes(), this::mended);
    }
  }

  private void mended(boolean whole) {
    startOver |= whole;
    unreadable |= !whole;
    oneRead();
  }

  private void oneRead() {
    if (--pending > 0) {
      return;
    }
    if (unreadable) {
      finish(0, false);
    } else if (startOver || !allInSync()) {
      readAll();
    } else {
      compare();
    }
  }

  /** Another request may have failed one meanwhile: then nothing it said counts (I4). */
  private boolean allInSync() {
    return copies.stream().allMatch(copy -> copy.member().isInSync());
  }

  private void compare() {
    differing.clear();
    Copy source = copies.getFirst();
    for (Copy copy : copies.subList(1, copies.size())) {
      Differences.find(source.bytes(), copy.bytes(), lengthBytes(), copy.differing());
      differing.or(copy.differing());
    }
    if (!differing.isEmpty() && job.isRepair()) {
      repair.start(startBytes(), endBytes(), copies);
      return;
    }
    job.forget(startBytes(), endBytes());
    listDifferences();
    finish(0, true);
  }

  private void listDifferences() {
    for (int block = differing.nextSetBit(0); block >= 0; ) {
      int end = differing.nextClearBit(block);
      job.differs(
          startBytes() + (long) block * Differences.BLOCK_BYTES,
          startBytes() + (long) end * Differences.BLOCK_BYTES);
      block = differing.nextSetBit(end);
    }
  }

  private void repaired(long bytesWritten, boolean complete) {
    if (complete) {
      job.forget(startBytes(), endBytes());
    }
    finish(bytesWritten, complete);
  }

  private void finish(long bytesWritten, boolean complete) {
    releaseCopies();
    end(bytesWritten, complete);
  }

  private void releaseCopies() {
    copies.forEach(copy -> copy.bytes().release());
    copies.clear();
  }
}
