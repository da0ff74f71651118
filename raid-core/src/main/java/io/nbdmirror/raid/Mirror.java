package io.nbdmirror.raid;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.raid.status.ArrayCounters;
import io.nbdmirror.raid.status.ArrayDetail;
import io.nbdmirror.raid.status.ArrayStatus;
import io.netty.buffer.ByteBuf;
import java.util.UUID;

/**
 * A running array. A block device of byte granularity: requests need no alignment. Everything is
 * called on the array's loop.
 */
@SuppressWarnings("DoNotCallSuggester")
public final class Mirror implements BlockDevice {
  private Mirror() {}

  public UUID uuid() {
    throw new UnsupportedOperationException();
  }

  /** The array's name as it is stored: bare, or {@code host:name} as mdadm writes it. */
  public String name() {
    throw new UnsupportedOperationException();
  }

  public ArrayStatus status() {
    throw new UnsupportedOperationException();
  }

  public ArrayDetail detail() {
    throw new UnsupportedOperationException();
  }

  public ArrayCounters counters() {
    throw new UnsupportedOperationException();
  }

  /**
   * Stops cleanly: refuses new requests with ESHUTDOWN, lets those in flight finish, flushes the
   * members, clears idle bits, writes clean superblocks and closes the members.
   */
  public void stop(Completion done) {
    throw new UnsupportedOperationException();
  }

  @Override
  public String path() {
    throw new UnsupportedOperationException();
  }

  @Override
  public long sizeBytes() {
    throw new UnsupportedOperationException();
  }

  @Override
  public int blockBytes() {
    return 1;
  }

  @Override
  public void read(
      long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void write(
      long offsetBytes,
      ByteBuf source,
      int sourceIndex,
      int lengthBytes,
      boolean fua,
      Completion done) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void flush(Completion done) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void writeZeroes(
      long offsetBytes, long lengthBytes, boolean mayDiscard, boolean fua, Completion done) {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean discards() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void discard(long offsetBytes, long lengthBytes, boolean fua, Completion done) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void extents(long offsetBytes, long lengthBytes, ExtentsCompletion done) {
    throw new UnsupportedOperationException();
  }

  /** Closes the members at once, as a crash would leave them; {@link #stop} is the clean way. */
  @Override
  public void close() {
    throw new UnsupportedOperationException();
  }
}
