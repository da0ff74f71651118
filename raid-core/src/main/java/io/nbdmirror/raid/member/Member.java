package io.nbdmirror.raid.member;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.raid.badblocks.BadBlocks;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One member of a running array. Offsets are bytes of the array: the member's data offset is added
 * here and nowhere else. Used on the array's loop.
 */
public final class Member {
  /** Of a spare, and of a faulty member whose slot another one has taken. */
  public static final int NO_SLOT = -1;

  private final GuardedDevice device;
  private final MdSuperblock superblock;
  private final long dataOffsetBytes;
  private int slot;
  private final BadBlocks badBlocks;
  private final ReadLatency readLatency = new ReadLatency();
  private final ReadErrorRate readErrorRate = new ReadErrorRate();
  private MemberState state;
  private boolean replacement;
  private long readErrors;
  private long writeErrors;
  private int pendingReads;
  private int writesBehind;

  private ArrayDeque<Completion> nextFlush = new ArrayDeque<>();
  private ArrayDeque<Completion> runningFlush = new ArrayDeque<>();
  private boolean flushing;

  /**
   * A member as assembly found it, or one that is being added.
   *
   * @param superblock its own, kept up to date from now on
   * @param slot 0 and up; {@link #NO_SLOT} for a spare
   */
  public Member(BlockDevice device, MdSuperblock superblock, int slot, MemberState state) {
    this.device = new GuardedDevice(device);
    this.superblock = superblock;
    this.slot = slot;
    this.state = state;
    badBlocks = new BadBlocks(superblock, device.blockBytes());
    dataOffsetBytes = superblock.dataOffset() * MdSuperblock.SECTOR_BYTES;
  }

  /** The device, guarded against hanging: everything that goes to the member passes here. */
  public GuardedDevice device() {
    return device;
  }

  /**
   * Whether its device still holds requests that were answered for it when it hung. Until they came
   * back it must not be taken into the array again: they might still write to it.
   */
  public boolean hasAbandonedIo() {
    return device.hasAbandonedIo();
  }

  public String path() {
    return device.path();
  }

  /** The superblock as it is, or is about to be, on the medium. */
  public MdSuperblock superblock() {
    return superblock;
  }

  public int slot() {
    return slot;
  }

  /** Only {@link Members} may give it another: lists are in slot order. */
  void setSlot(int slot) {
    this.slot = slot;
  }

  /** Whether it is a copy of the member in its slot, to take that one's place when it is done. */
  public boolean isReplacement() {
    return replacement;
  }

  public void setReplacement(boolean replacement) {
    this.replacement = replacement;
  }

  public MemberState state() {
    return state;
  }

  public void setState(MemberState state) {
    this.state = state;
  }

  public boolean isInSync() {
    return state == MemberState.IN_SYNC;
  }

  public boolean isRebuilding() {
    return state == MemberState.REBUILDING;
  }

  public boolean isSpare() {
    return state == MemberState.SPARE;
  }

  public boolean isFaulty() {
    return state == MemberState.FAULTY;
  }

  /** Whether writes go to it. */
  public boolean isWritable() {
    return state == MemberState.IN_SYNC || state == MemberState.REBUILDING;
  }

  public boolean isWriteMostly() {
    return (superblock.devflags() & MdSuperblock.DEVFLAG_WRITE_MOSTLY) != 0;
  }

  public long dataOffsetBytes() {
    return dataOffsetBytes;
  }

  /** Its bad blocks, in sectors of the device. */
  public BadBlocks badBlocks() {
    return badBlocks;
  }

  /** Whether any block of this range of the array is bad on it: never read, never copied from. */
  public boolean isBad(long startBytes, long endBytes) {
    return !badBlocks.isEmpty() && badBlocks.overlaps(sector(startBytes), sector(endBytes));
  }

  /** The sector of the device at which this offset of the array lies. */
  public long sector(long offsetBytes) {
    return (dataOffsetBytes + offsetBytes) / MdSuperblock.SECTOR_BYTES;
  }

  /**
   * Where in the array, going on from an offset, its blocks turn from good to bad or back; the
   * limit when they do not before that.
   */
  public long nextBadEdge(long offsetBytes, long limitBytes) {
    long edge = badBlocks.nextEdge(sector(offsetBytes));
    return edge >= sector(limitBytes)
        ? limitBytes
        : edge * MdSuperblock.SECTOR_BYTES - dataOffsetBytes;
  }

  /** How long it takes to read. */
  public ReadLatency readLatency() {
    return readLatency;
  }

  /** How many read errors it had lately. */
  public ReadErrorRate readErrorRate() {
    return readErrorRate;
  }

  /** Blocks that it could not read and that were mended; in its superblock, as md counts them. */
  public long correctedReads() {
    return superblock.cntCorrectedRead() & 0xffffffffL;
  }

  public void countCorrectedRead() {
    superblock.setCntCorrectedRead(superblock.cntCorrectedRead() + 1);
  }

  public long readErrors() {
    return readErrors;
  }

  public long writeErrors() {
    return writeErrors;
  }

  public void countReadError() {
    readErrors++;
  }

  public void countWriteError() {
    writeErrors++;
  }

  /** Reads of clients in flight, for choosing the least loaded member. */
  public int pendingReads() {
    return pendingReads;
  }

  public void readStarted() {
    pendingReads++;
  }

  public void readEnded() {
    pendingReads--;
  }

  /** Acknowledged writes that it does not have yet (md's write-behind). */
  public int writesBehind() {
    return writesBehind;
  }

  public void fellBehind() {
    writesBehind++;
  }

  public void caughtUp() {
    writesBehind--;
    assert writesBehind >= 0 : path() + " has more writes than it lacked";
  }

  /**
   * Reads. A failure with {@link io.nbdmirror.io.Errno#ETIMEDOUT} means that the device hangs and
   * still holds the target, which it may write to at any time: the caller releases it and takes a
   * fresh one before it asks another member.
   */
  public void read(long offset, ByteBuf target, int index, int length, Completion done) {
    device.read(dataOffsetBytes + offset, target, index, length, done);
  }

  public void write(
      long offset, ByteBuf source, int index, int length, boolean fua, Completion done) {
    device.write(dataOffsetBytes + offset, source, index, length, fua, done);
  }

  public void writeZeroes(
      long offset, long length, boolean mayDiscard, boolean fua, Completion done) {
    device.writeZeroes(dataOffsetBytes + offset, length, mayDiscard, fua, done);
  }

  public void discard(long offset, long length, boolean fua, Completion done) {
    device.discard(dataOffsetBytes + offset, length, fua, done);
  }

  /**
   * The extents' offsets are bytes of the device: {@link #dataOffsetBytes()} is in them. A range
   * with bad blocks in it is data.
   */
  public void extents(long offset, long length, ExtentsCompletion done) {
    extents(offset, length, Integer.MAX_VALUE, done);
  }

  /** As above, but of no more than {@code maxExtents}. */
  public void extents(long offset, long length, int maxExtents, ExtentsCompletion done) {
    if (isBad(offset, offset + length)) {
      // It may be a hole only because the data never got there.
      done.completed(List.of(new Extent(dataOffsetBytes + offset, length, false)), null);
      return;
    }
    device.extents(dataOffsetBytes + offset, length, maxExtents, done);
  }

  public void readAhead(long offset, long length, Completion done) {
    device.readAhead(dataOffsetBytes + offset, length, done);
  }

  /**
   * Flushes the device. One flush is in flight at a time: who asks meanwhile shares the next one,
   * which covers all that was completed before it began, and its error (I5).
   */
  public void flush(Completion done) {
    nextFlush.add(done);
    if (!flushing) {
      startFlush();
    }
  }

  private void startFlush() {
    flushing = true;
    ArrayDeque<Completion> waiting = nextFlush;
    nextFlush = runningFlush;
    runningFlush = waiting;
    if (state == MemberState.FAULTY) {
      flushed(new DeviceException(Errno.EIO, path() + " has failed and is not flushed any more"));
    } else {
      device.flush(this::flushed);
    }
  }

  private void flushed(@Nullable DeviceException failure) {
    // Those who ask from within these completions queue up behind: flushing is still true.
    for (Completion done = runningFlush.poll(); done != null; done = runningFlush.poll()) {
      done.completed(failure);
    }
    flushing = false;
    if (!nextFlush.isEmpty()) {
      startFlush();
    }
  }
}
