package io.nbdmirror.raid.superblock;

import io.nbdmirror.bitmap.format.StoredBitmap;
import io.nbdmirror.bitmap.format.StoredBitmapReader;
import io.nbdmirror.io.BlockDevice;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Everything md keeps on a member, read to be looked at, however damaged. Writes nothing.
 *
 * @param foundAtSector where the superblock was read, from the start of the device
 * @param bitmap null when there is none, or it can't be read
 * @param bitmapProblem why it can't
 * @param badBlocks empty when there are none, or the log can't be read
 */
public record MemberInspection(
    String path,
    long deviceBytes,
    long foundAtSector,
    MdSuperblock superblock,
    @Nullable StoredBitmap bitmap,
    @Nullable String bitmapProblem,
    List<BadBlockLog.Entry> badBlocks) {

  /** Told once, on the device's loop; exactly one of the two is not null. */
  @FunctionalInterface
  public interface Completion {
    void completed(@Nullable MemberInspection inspection, @Nullable SuperblockException failure);
  }

  /** Reads it; called on the device's loop. */
  public static void of(BlockDevice device, Completion done) {
    SuperblockReader.locate(
        device,
        (superblock, foundAt, failure) -> {
          if (superblock == null) {
            done.completed(null, failure);
          } else {
            inspect(device, superblock, foundAt, done);
          }
        });
  }

  private static void inspect(
      BlockDevice device, MdSuperblock superblock, long foundAt, Completion done) {
    MemberInspection bare =
        new MemberInspection(
            device.path(), device.sizeBytes(), foundAt, superblock, null, null, List.of());
    if (superblock.majorVersion() != 1
        || !superblock.hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET)) {
      readBadBlocks(device, bare, done);
      return;
    }
    StoredBitmapReader.read(
        device,
        (foundAt + superblock.bitmapOffset()) * MdSuperblock.SECTOR_BYTES,
        (bitmap, failure) ->
            readBadBlocks(
                device,
                new MemberInspection(
                    bare.path,
                    bare.deviceBytes,
                    foundAt,
                    superblock,
                    bitmap,
                    failure == null ? null : failure.getMessage(),
                    List.of()),
                done));
  }

  private static void readBadBlocks(BlockDevice device, MemberInspection found, Completion done) {
    MdSuperblock superblock = found.superblock;
    long from = (found.foundAtSector + superblock.bblogOffset()) * MdSuperblock.SECTOR_BYTES;
    int length = superblock.bblogSize() * MdSuperblock.SECTOR_BYTES;
    if (!superblock.hasFeature(MdSuperblock.FEATURE_BAD_BLOCKS)
        || length == 0
        || from < 0
        || from > device.sizeBytes() - length
        || from % device.blockBytes() != 0
        || length % device.blockBytes() != 0) {
      done.completed(found, null);
      return;
    }
    ByteBuf buffer = PooledByteBufAllocator.DEFAULT.directBuffer(length, length);
    device.read(
        from,
        buffer,
        0,
        length,
        failure -> {
          ByteBuffer bytes = ByteBuffer.allocate(length);
          buffer.getBytes(0, bytes);
          buffer.release();
          done.completed(failure == null ? found.withBadBlocks(bytes.flip()) : found, null);
        });
  }

  private MemberInspection withBadBlocks(ByteBuffer log) {
    return new MemberInspection(
        path,
        deviceBytes,
        foundAtSector,
        superblock,
        bitmap,
        bitmapProblem,
        BadBlockLog.decode(log, superblock.bblogShift()));
  }
}
