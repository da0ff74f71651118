package io.nbdmirror.io.held;

import io.nbdmirror.io.Errno;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Asks a filesystem where a file's blocks are, in every way there is, and believes it only when all
 * answers agree. Blocks; any thread.
 *
 * <pre>
 *   struct fiemap           0 start (64)   8 length (64)  16 flags (32)  20 extents found (32)
 *                          24 room for extents (32)       32 extents, of 56 bytes:
 *   struct fiemap_extent    0 logical (64) 8 physical (64) 16 length (64) 40 flags (32)
 * </pre>
 */
final class BlockMapping {
  private static final int HEADER_BYTES = 32;
  private static final int EXTENT_BYTES = 56;
  private static final int ROOM = 512;
  private static final int SYNC = 1;

  private final NativeCalls calls;
  private final int fd;
  private final String filesystem;
  private final long sizeBytes;
  private final int blockBytes;

  /**
   * @param fd the file, open for reading
   * @param filesystem its name, for reasons
   * @param blockBytes the filesystem's, which FIBMAP counts in
   */
  BlockMapping(NativeCalls calls, int fd, String filesystem, long sizeBytes, int blockBytes) {
    this.calls = calls;
    this.fd = fd;
    this.filesystem = filesystem;
    this.sizeBytes = sizeBytes;
    this.blockBytes = blockBytes;
  }

  /** The map, from two FIEMAPs that agree and, where it is permitted, FIBMAP of every block. */
  BlockMap find() throws RawImpossibleException {
    BlockMap map = findOnce();
    if (!findOnce().equals(map)) {
      throw new RawImpossibleException(filesystem + " moved blocks while being asked for them");
    }
    compareWithFibmap(map);
    return map;
  }

  /** The map as FIEMAP alone has it. What is dirty in the page cache is written out first. */
  BlockMap findOnce() throws RawImpossibleException {
    long end = (sizeBytes + blockBytes - 1) / blockBytes * blockBytes;
    ByteBuffer answer = buffer(HEADER_BYTES + ROOM * EXTENT_BYTES);
    List<BlockMap.Run> runs = new ArrayList<>();
    long position = 0;
    while (position < end) {
      answer.putLong(0, position).putLong(8, end - position).putInt(16, SYNC);
      answer.putInt(20, 0).putInt(24, ROOM).putInt(28, 0);
      int result = calls.ioctl(fd, Linux.FS_IOC_FIEMAP, answer);
      if (result < 0) {
        throw new RawImpossibleException(
            "%s does not tell where its blocks are (FIEMAP: %s)"
                .formatted(filesystem, calls.text(-result)));
      }
      int found = answer.getInt(20);
      if (found == 0) {
        throw hole(position);
      }
      for (int i = 0; i < found && position < end; i++) {
        BlockMap.Run run = decode(answer, HEADER_BYTES + i * EXTENT_BYTES, position, end);
        runs.add(run);
        position = run.endBytes();
      }
    }
    return new BlockMap(runs);
  }

  /** The part of an extent from {@code position} to {@code end}. */
  private BlockMap.Run decode(ByteBuffer answer, int at, long position, long end)
      throws RawImpossibleException {
    long logical = answer.getLong(at);
    long physical = answer.getLong(at + 8);
    long length = answer.getLong(at + 16);
    int flags = answer.getInt(at + 40);
    if (!ExtentFlag.harmless(flags)) {
      throw new RawImpossibleException(
          "%s has %s at offset %d of it"
              .formatted(filesystem, ExtentFlag.describe(flags), Math.max(logical, position)));
    }
    if (logical > position) {
      throw hole(position);
    }
    if (physical <= 0 || physical % blockBytes != 0 || logical + length <= position) {
      throw new RawImpossibleException(
          "%s gave an extent that cannot be: %d bytes of offset %d at %d"
              .formatted(filesystem, length, logical, physical));
    }
    return new BlockMap.Run(
        position, physical + position - logical, Math.min(logical + length, end) - position);
  }

  private RawImpossibleException hole(long position) {
    return new RawImpossibleException(
        "%s has a hole at offset %d of it".formatted(filesystem, position));
  }

  private void compareWithFibmap(BlockMap map) throws RawImpossibleException {
    ByteBuffer block = buffer(Integer.BYTES);
    for (long offset = 0; offset < map.lengthBytes(); offset += blockBytes) {
      block.putInt(0, Math.toIntExact(offset / blockBytes));
      int result = calls.ioctl(fd, Linux.FIBMAP, block);
      if (result == -Errno.ERANGE) {
        // So far behind on the device that FIBMAP has no number for it.
        continue;
      }
      if (result < 0) {
        // Not permitted, or not there: FIEMAP has answered twice, and the bytes are compared yet.
        return;
      }
      long fibmapOffset = Integer.toUnsignedLong(block.getInt(0)) * blockBytes;
      if (fibmapOffset != map.deviceOffsetBytes(offset)) {
        throw new RawImpossibleException(
            "%s gives two places for offset %d of it: %d by FIEMAP, %d by FIBMAP"
                .formatted(filesystem, offset, map.deviceOffsetBytes(offset), fibmapOffset));
      }
    }
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }
}
