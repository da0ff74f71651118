package io.nbdmirror.raid.write;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.raid.member.Member;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes members the same again in a range that those in sync could not write: for lack of room each
 * may have taken as much as it could, one perhaps more than another; and the last one may have
 * failed where one that is being rebuilt did not. A block that is a hole on any member in sync was
 * one on all before, for they were the same; so it is made one again, which takes no room. The
 * other blocks are there on all members, and are copied from one. The request holds the range. Used
 * once, on the array's loop.
 */
final class Levelling {
  /** Told when it is over. */
  @FunctionalInterface
  interface Listener {
    /**
     * All that could be done was.
     *
     * @param same whether members are the same
     */
    void levelled(boolean same);
  }

  private static final int PIECE_BYTES = 64 << 10;

  private final WritePath path;
  private final long start;
  private final long end;
  private final Listener done;
  private final BitSet holes = new BitSet();
  private ByteBuf buffer;
  private long at;
  private int pending;
  private boolean same = true;

  Levelling(WritePath path, long start, long end, Listener done) {
    this.path = path;
    this.start = start;
    this.end = end;
    this.done = done;
    int bytes = Math.max(PIECE_BYTES, path.blockBytes);
    buffer = PooledByteBufAllocator.DEFAULT.directBuffer(bytes, bytes);
  }

  void start() {
    at = start;
    pending = 1;
    for (Member member : path.members.all()) {
      if (member.isInSync()) {
        pending++;
        member.extents(
            start,
            end - start,
            (extents, failure) -> {
              addHoles(member, extents);
              listed();
            });
      }
    }
    listed();
  }

  private void addHoles(Member member, List<Extent> extents) {
    int block = path.blockBytes;
    for (Extent extent : extents) {
      long from = Math.max(extent.offsetBytes() - member.dataOffsetBytes(), start) - start;
      long to = Math.min(extent.endBytes() - member.dataOffsetBytes(), end) - start;
      int first = (int) ((from + block - 1) / block);
      int last = (int) (to / block);
      if (extent.hole() && first < last) {
        holes.set(first, last);
      }
    }
  }

  private void listed() {
    if (--pending == 0) {
      next();
    }
  }

  private void next() {
    if (path.health.broken() != null) {
      same = false;
      at = end;
    }
    if (at >= end || path.members.writable() < 2) {
      buffer.release();
      done.levelled(same);
      return;
    }
    int block = (int) ((at - start) / path.blockBytes);
    boolean hole = holes.get(block);
    int run = hole ? holes.nextClearBit(block) : holes.nextSetBit(block);
    long runEnd = run < 0 ? end : Math.min(end, start + (long) run * path.blockBytes);
    if (hole) {
      punch(runEnd);
    } else {
      copy((int) Math.min(wholeBlocks(), runEnd - at));
    }
  }

  /** What the buffer holds of them, in bytes. */
  private int wholeBlocks() {
    return buffer.capacity() - buffer.capacity() % path.blockBytes;
  }

  private void punch(long runEnd) {
    pending = 1;
    for (Member member : path.members.all()) {
      // The only one in sync has holes where there are to be some.
      if (member.isWritable() && !path.members.isLastInSync(member)) {
        pending++;
        member.writeZeroes(
            at, runEnd - at, true, false, failure -> targetDone(member, failure, runEnd));
      }
    }
    oneDone(runEnd);
  }

  private void copy(int length) {
    Member source = path.members.sourceOf(at, at + length, List.of());
    if (source == null) {
      // Bad somewhere on every one: what is read there comes from whoever has it.
      oneBlockFurther(length);
      return;
    }
    source.read(at, buffer, 0, length, failure -> wasRead(source, length, failure));
  }

  private void oneBlockFurther(int length) {
    if (length == path.blockBytes) {
      at += length;
      next();
    } else {
      copy(path.blockBytes);
    }
  }

  private void wasRead(Member source, int length, @Nullable DeviceException failure) {
    if (failure == null) {
      writeOthers(source, length);
      return;
    }
    if (failure.errno() == Errno.ETIMEDOUT) {
      int bytes = buffer.capacity();
      buffer.release();
      buffer = PooledByteBufAllocator.DEFAULT.directBuffer(bytes, bytes);
      next();
    } else if (path.health.readFailed(source, failure)) {
      next();
    } else {
      same = false;
      at = end;
      next();
    }
  }

  private void writeOthers(Member source, int length) {
    long pieceEnd = at + length;
    pending = 1;
    for (Member member : path.members.all()) {
      if (member.isWritable() && !member.equals(source)) {
        pending++;
        member.write(
            at, buffer, 0, length, false, failure -> targetDone(member, failure, pieceEnd));
      }
    }
    oneDone(pieceEnd);
  }

  private void targetDone(Member member, @Nullable DeviceException failure, long pieceEnd) {
    if (failure != null) {
      path.health.writeFailed(member, failure);
      // The last one stays, with what it has.
      same &= member.isFaulty();
    }
    oneDone(pieceEnd);
  }

  private void oneDone(long pieceEnd) {
    if (--pending == 0) {
      at = pieceEnd;
      next();
    }
  }
}
