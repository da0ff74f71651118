package io.nbdmirror.raid.resync;

import io.nbdmirror.bitmap.BitmapWrite;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.event.SuperblockUpdates;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.write.BitmapGate;
import io.netty.buffer.ByteBuf;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Writes the first copy's data over the others where they differ. It goes the way of every write:
 * superblocks active (I8), bits durable (I1), failures recorded (I3, I6), and only then members; so
 * a crash in the middle, or a member that fails, leaves a bit behind for what may be torn. The
 * range is the window's, which holds it. Reused; used on the array's loop.
 */
final class RepairWrite implements BitmapWrite, SuperblockUpdates.Waiter, BitmapGate.Waiter {
  /** Told when it is over. */
  @FunctionalInterface
  interface Listener {
    void repaired(long bytesWritten, boolean complete);
  }

  private enum Step {
    ACTIVE,
    BITMAP,
    RECORDED
  }

  private final Members members;
  private final ArrayHealth health;
  private final BitmapGate gate;
  private final Listener listener;
  private Step step = Step.ACTIVE;
  private long start;
  private long end;
  private List<CompareWindow.Copy> copies = List.of();
  private int pending;
  private long bytesWritten;
  private boolean failed;

  RepairWrite(Members members, ArrayHealth health, BitmapGate gate, Listener listener) {
    this.members = members;
    this.health = health;
    this.gate = gate;
    this.listener = listener;
  }

  /**
   * Begins.
   *
   * @param from the source first, and where each other differs from it
   */
  void start(long startBytes, long endBytes, List<CompareWindow.Copy> from) {
    start = startBytes;
    end = endBytes;
    copies = from;
    bytesWritten = 0;
    failed = false;
    step = Step.ACTIVE;
    goOn();
  }

  @Override
  public long startBytes() {
    return start;
  }

  @Override
  public long endBytes() {
    return end;
  }

  @Override
  public void settled() {
    goOn();
  }

  @Override
  public void gateOpened() {
    goOn();
  }

  @Override
  public void bitsDurable() {
    step = Step.RECORDED;
    goOn();
  }

  /** Takes it as far as it gets without waiting. */
  private void goOn() {
    SuperblockUpdates updates = health.updates();
    if (health.broken() != null) {
      failed = true;
      finish();
      return;
    }
    if (step == Step.ACTIVE) {
      if (!updates.isActive() || !updates.isSettled()) {
        updates.markActive();
        updates.whenSettled(this);
        return;
      }
      if (!gate.enter(this)) {
        return;
      }
      step = Step.BITMAP;
      if (!health.bitmap().startWrite(this)) {
        return;
      }
      step = Step.RECORDED;
    }
    if (updates.isSettled()) {
      issue();
    } else {
      updates.whenSettled(this);
    }
  }

  private void issue() {
    CompareWindow.Copy source = copies.getFirst();
    // One more than there are writes, so that inline completions do not end it early.
    pending = 1;
    for (CompareWindow.Copy copy : copies.subList(1, copies.size())) {
      // Whoever is out by now is none of our business, and the source's data is in memory.
      if (copy.member().isInSync()) {
        writeRuns(copy.member(), source.bytes(), copy.differing());
      }
    }
    oneWritten();
  }

  private void writeRuns(Member target, ByteBuf bytes, BitSet differing) {
    int block = members.blockBytes();
    int unit = Differences.BLOCK_BYTES;
    int windowBytes = (int) (end - start);
    for (int bit = differing.nextSetBit(0); bit >= 0; ) {
      // In whole blocks of the array, which may be coarser than what differs.
      int from = bit * unit / block * block;
      int runEnd = differing.nextClearBit(bit) * unit;
      int to = Math.min((runEnd + block - 1) / block * block, windowBytes);
      pending++;
      bytesWritten += to - from;
      target.write(start + from, bytes, from, to - from, false, f -> written(target, f));
      bit = differing.nextSetBit(to / unit);
    }
  }

  private void written(Member target, @Nullable DeviceException failure) {
    if (failure != null) {
      health.writeFailed(target, failure);
      failed |= target.isInSync();
    }
    oneWritten();
  }

  private void oneWritten() {
    if (--pending == 0) {
      finish();
    }
  }

  private void finish() {
    if (step != Step.ACTIVE) {
      health.bitmap().endWrite(this, !failed && !members.isDegraded());
      gate.leave();
    }
    copies = List.of();
    listener.repaired(bytesWritten, !failed);
  }
}
