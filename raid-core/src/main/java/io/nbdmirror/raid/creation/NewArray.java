package io.nbdmirror.raid.creation;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.raid.bitmap.NewBitmap;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;

/**
 * What an array that is to be made shall be like. Immutable.
 *
 * @param minorVersion of the metadata: 0, 1 or 2
 * @param sizeBytes bytes used on each member; 0 for as much as the smallest has
 * @param bitmap where it is kept
 * @param bitmapChunkBytes bytes of the array for each bit; 0 for mdadm's choice
 * @param daemonSleepSeconds how often the bitmap is cleared
 * @param writeBehind how many writes may be outstanding on write-mostly members; 0 for none
 * @param assumeClean the members are known to be the same already
 * @param deviceUuids one for each slot
 */
public record NewArray(
    String name,
    UUID uuid,
    int minorVersion,
    long sizeBytes,
    Bitmap bitmap,
    long bitmapChunkBytes,
    long daemonSleepSeconds,
    int writeBehind,
    boolean assumeClean,
    List<UUID> deviceUuids) {
  /** Where the write-intent bitmap is kept. */
  public enum Bitmap {
    INTERNAL,
    FILE,
    NONE
  }

  public static final int MAX_MEMBERS = 16;
  public static final int DEFAULT_DAEMON_SLEEP_SECONDS = NewBitmap.DEFAULT_DAEMON_SLEEP_SECONDS;

  private static final int MAX_NAME_BYTES = 32;
  private static final int MAX_DAEMON_SLEEP_SECONDS = 24 * 60 * 60;
  private static final int SIZE_UNIT_BYTES = 1024;

  public NewArray {
    deviceUuids = List.copyOf(deviceUuids);
  }

  /** Everything that can be said without looking at a member. */
  void check() throws CreationException {
    checkName();
    if (minorVersion < 0 || minorVersion > 2) {
      throw new CreationException("there is no metadata version 1." + minorVersion);
    }
    if (deviceUuids.isEmpty() || deviceUuids.size() > MAX_MEMBERS) {
      throw new CreationException(
          "an array has 1 to %d members, not %d".formatted(MAX_MEMBERS, deviceUuids.size()));
    }
    if (sizeBytes < 0 || sizeBytes % SIZE_UNIT_BYTES != 0) {
      throw new CreationException(
          "the size %d is no multiple of %d bytes".formatted(sizeBytes, SIZE_UNIT_BYTES));
    }
    if (bitmap == Bitmap.NONE && (bitmapChunkBytes != 0 || writeBehind != 0)) {
      throw new CreationException(
          "%s needs a bitmap, and the array would have none"
              .formatted(writeBehind != 0 ? "write-behind" : "a bitmap chunk"));
    }
    if (daemonSleepSeconds < 1 || daemonSleepSeconds > MAX_DAEMON_SLEEP_SECONDS) {
      throw new CreationException(
          "the bitmap's delay is 1 to %d seconds, not %d"
              .formatted(MAX_DAEMON_SLEEP_SECONDS, daemonSleepSeconds));
    }
    if (writeBehind < 0 || writeBehind > BitmapSuperblock.MAX_WRITE_BEHIND) {
      throw new CreationException(
          "write-behind is 0 to %d outstanding writes, not %d"
              .formatted(BitmapSuperblock.MAX_WRITE_BEHIND, writeBehind));
    }
  }

  private void checkName() throws CreationException {
    if (name.isEmpty() || name.endsWith(":") || name.chars().anyMatch(Character::isISOControl)) {
      throw new CreationException(
          "'%s' cannot be an array's name: give letters, digits and the like".formatted(name));
    }
    if (name.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
      throw new CreationException(
          "the array name '%s' takes more than %d bytes".formatted(name, MAX_NAME_BYTES));
    }
  }

  /** Its bitmap, wherever that is kept. */
  NewBitmap newBitmap(ArrayLayout layout) {
    return new NewBitmap(
        uuid, layout.sizeBytes(), layout.bitmapChunkBytes(), (int) daemonSleepSeconds, writeBehind);
  }

  long sizeSectors() {
    return sizeBytes / MdSuperblock.SECTOR_BYTES;
  }
}
