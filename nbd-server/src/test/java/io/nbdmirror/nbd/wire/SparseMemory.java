package io.nbdmirror.nbd.wire;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.ExtentsCompletion;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Bytes in memory of which every 4096 that are zero make a hole. The last of them cannot be read,
 * which is told in a sentence that no client may see.
 */
final class SparseMemory implements BlockDevice {
  static final int BLOCK = 4096;

  private final byte[] bytes;

  SparseMemory(int sizeBytes) {
    bytes = new byte[sizeBytes];
  }

  long badOffsetBytes() {
    return (long) bytes.length - BLOCK;
  }

  @Override
  public void read(long offset, ByteBuf target, int index, int length, Completion done) {
    if (offset + length > badOffsetBytes()) {
      done.completed(
          DeviceException.of("read", "/dev/secret", offset, length, Errno.EIO, "bad sector"));
      return;
    }
    target.setBytes(index, bytes, (int) offset, length);
    done.completed(null);
  }

  @Override
  public void write(
      long offset, ByteBuf source, int index, int length, boolean fua, Completion done) {
    source.getBytes(index, bytes, (int) offset, length);
    done.completed(null);
  }

  @Override
  public void flush(Completion done) {
    done.completed(null);
  }

  @Override
  public void writeZeroes(
      long offset, long length, boolean mayDiscard, boolean fua, Completion done) {
    Arrays.fill(bytes, (int) offset, (int) (offset + length), (byte) 0);
    done.completed(null);
  }

  @Override
  public boolean discards() {
    return true;
  }

  @Override
  public void discard(long offset, long length, boolean fua, Completion done) {
    writeZeroes(offset, length, true, fua, done);
  }

  @Override
  public void extents(long offset, long length, ExtentsCompletion done) {
    List<Extent> extents = new ArrayList<>();
    long end = offset + length;
    long start = offset;
    boolean hole = isHole(offset);
    for (long at = (offset / BLOCK + 1) * BLOCK; at < end; at += BLOCK) {
      if (isHole(at) != hole) {
        extents.add(new Extent(start, at - start, hole));
        start = at;
        hole = !hole;
      }
    }
    extents.add(new Extent(start, end - start, hole));
    done.completed(extents, null);
  }

  private boolean isHole(long offset) {
    int start = (int) (offset / BLOCK * BLOCK);
    for (int i = start; i < Math.min(start + BLOCK, bytes.length); i++) {
      if (bytes[i] != 0) {
        return false;
      }
    }
    return true;
  }

  @Override
  public String path() {
    return "/dev/secret";
  }

  @Override
  public long sizeBytes() {
    return bytes.length;
  }

  @Override
  public int blockBytes() {
    return 1;
  }

  @Override
  public void close() {}
}
