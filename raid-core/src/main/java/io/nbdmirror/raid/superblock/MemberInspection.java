package io.nbdmirror.raid.superblock;

import io.nbdmirror.bitmap.format.StoredBitmap;
import io.nbdmirror.bitmap.format.StoredBitmapReader;
import io.nbdmirror.io.BlockDevice;
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
    BadBlockLogReader.read(
        device,
        found.superblock,
        found.foundAtSector,
        (entries, failure) -> done.completed(found.withBadBlocks(entries), null));
  }

  private MemberInspection withBadBlocks(List<BadBlockLog.Entry> entries) {
    return new MemberInspection(
        path, deviceBytes, foundAtSector, superblock, bitmap, bitmapProblem, entries);
  }
}
