package io.nbdmirror.raid.write;

import io.nbdmirror.io.Completion;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.event.InFlight;
import io.nbdmirror.raid.event.SuperblockUpdates;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.read.ReadPath;
import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;

/**
 * Takes every request that changes data on its way: {@link WriteRequest} walks the steps, this
 * holds what they share. Requests are reused, so that a write allocates nothing. Used on the
 * array's loop.
 */
public final class WritePath {
  /** Told of ranges in which members got different things. */
  @FunctionalInterface
  public interface Differing {
    /** Members that get writes may differ there from now on, under bits that are set. */
    void mayDiffer(long startBytes, long endBytes);
  }

  final Members members;
  final WriteOrder order;
  final SuperblockUpdates updates;
  final ArrayHealth health;
  final ReadPath reads;
  final Differing differing;
  final WritesBehind behind;
  final int blockBytes;

  private final ArrayDeque<WriteRequest> free = new ArrayDeque<>();
  private final InFlight inFlight = new InFlight();
  final BitmapGate gate = new BitmapGate();

  public WritePath(
      Members members,
      WriteOrder order,
      ArrayHealth health,
      ReadPath reads,
      WritesBehind behind,
      Differing differing) {
    this.members = members;
    this.order = order;
    this.health = health;
    this.reads = reads;
    this.behind = behind;
    this.differing = differing;
    updates = health.updates();
    blockBytes = members.blockBytes();
  }

  /**
   * Requests that not every member has yet, those waiting for their turn and those answered before
   * their time included (I8).
   */
  public InFlight inFlight() {
    return inFlight;
  }

  /** Where writes are held while the bitmap is exchanged. */
  public BitmapGate gate() {
    return gate;
  }

  public void write(
      long offsetBytes, ByteBuf source, int index, int lengthBytes, boolean fua, Completion done) {
    next().startData(offsetBytes, source, index, lengthBytes, fua, done);
  }

  public void writeZeroes(
      long offsetBytes, long lengthBytes, boolean mayDiscard, boolean fua, Completion done) {
    next().startZeroes(offsetBytes, lengthBytes, mayDiscard, fua, done);
  }

  /**
   * Trims the whole blocks within the range; a part of a block is left alone, which a hint allows.
   */
  public void discard(long offsetBytes, long lengthBytes, boolean fua, Completion done) {
    long start = (offsetBytes + blockBytes - 1) / blockBytes * blockBytes;
    long end = (offsetBytes + lengthBytes) / blockBytes * blockBytes;
    // A member that can't give blocks back would keep old data where others read zeroes (I11).
    if (start >= end || !members.allDiscard()) {
      done.completed(health.broken());
      return;
    }
    next().startDiscard(start, end - start, fua, done);
  }

  private WriteRequest next() {
    inFlight.start();
    WriteRequest request = free.poll();
    return request == null ? new WriteRequest(this) : request;
  }

  void ended(WriteRequest request) {
    free.push(request);
    inFlight.end();
  }
}
