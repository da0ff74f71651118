package io.nbdmirror.raid.membership;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.bitmap.BitmapPlace;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.SuperblockReader;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Lays a device out as one more member of an array: as the member it is modelled on, where the
 * device is large enough for that, with less room before the data where it is not.
 */
final class NewMember {
  /** What metadata areas are multiples of, in sectors. */
  private static final long PAGE = BitmapGeometry.PAGE_BYTES / MdSuperblock.SECTOR_BYTES;

  private final MdSuperblock model;
  private final BlockDevice device;
  private final long deviceSectors;
  private final BitmapPlace place;
  private final long bitmapSectors;

  /**
   * @param model the superblock of a member in sync
   * @param place where the array keeps its bitmap
   * @param geometry what the bitmap takes
   */
  NewMember(MdSuperblock model, BlockDevice device, BitmapPlace place, BitmapGeometry geometry) {
    this.model = model;
    this.device = device;
    this.place = place;
    deviceSectors = device.sizeBytes() / MdSuperblock.SECTOR_BYTES;
    bitmapSectors =
        (geometry.storedBytes() + BitmapGeometry.PAGE_BYTES - 1) / BitmapGeometry.PAGE_BYTES * PAGE;
  }

  /**
   * The superblock of a spare.
   *
   * @param devNumber that no member has
   * @param madeMicros since 1970
   * @throws DeviceException when there is no room on the device
   */
  MdSuperblock superblock(int devNumber, long madeMicros) throws DeviceException {
    MdSuperblock superblock = model.copy();
    superblock.setFeatureMap(model.featureMap() & MdSuperblock.FEATURE_BITMAP_OFFSET);
    superblock.setDevNumber(devNumber);
    superblock.setDeviceUuid(uuid(devNumber, madeMicros));
    superblock.setDevflags(0);
    superblock.setCntCorrectedRead(0);
    superblock.setRecoveryOffset(0);
    place.recordIn(superblock);
    if (minorVersion() == 0) {
      placeBeforeTheEnd(superblock);
    } else {
      placeAtTheStart(superblock);
    }
    return superblock;
  }

  /** Not by chance, so that a simulation can be repeated: no two members share all of this. */
  private UUID uuid(int devNumber, long madeMicros) {
    String unique =
        "%s %d %d %d %s"
            .formatted(model.setUuid(), devNumber, madeMicros, model.events(), device.path());
    return UUID.nameUUIDFromBytes(unique.getBytes(StandardCharsets.UTF_8));
  }

  private int minorVersion() {
    if (model.superOffset() == 0) {
      return 1;
    }
    return model.superOffset() == PAGE ? 2 : 0;
  }

  private void placeAtTheStart(MdSuperblock superblock) throws DeviceException {
    long end = superblock.superOffset() + PAGE;
    if (place.kind() == BitmapPlace.Kind.INTERNAL) {
      end = Math.max(end, superblock.superOffset() + place.bitmapOffset() + bitmapSectors);
    }
    if (superblock.bblogSize() > 0) {
      end = Math.max(end, superblock.superOffset() + superblock.bblogOffset() + PAGE);
    }
    long least = (end + PAGE - 1) / PAGE * PAGE;
    long dataOffset = Math.min(model.dataOffset(), deviceSectors - model.size()) / PAGE * PAGE;
    if (dataOffset < least) {
      throw tooSmall(least + model.size());
    }
    superblock.setDataOffset(dataOffset);
    superblock.setDataSize(deviceSectors - dataOffset);
  }

  private void placeBeforeTheEnd(MdSuperblock superblock) throws DeviceException {
    long superOffset = SuperblockReader.superOffset(0, device.sizeBytes());
    long dataEnd = superOffset;
    if (place.kind() == BitmapPlace.Kind.INTERNAL) {
      dataEnd = Math.min(dataEnd, superOffset + place.bitmapOffset());
    }
    if (superblock.bblogSize() > 0) {
      dataEnd = Math.min(dataEnd, superOffset + superblock.bblogOffset());
    }
    long size = dataEnd - model.dataOffset();
    if (superOffset < 0 || size < model.size()) {
      throw tooSmall(model.size() - size + deviceSectors);
    }
    superblock.setSuperOffset(superOffset);
    superblock.setDataSize(size);
  }

  private DeviceException tooSmall(long neededSectors) {
    return Refusal.because(
        "%s has %d bytes, and a member of this array needs %d"
            .formatted(
                device.path(), device.sizeBytes(), neededSectors * MdSuperblock.SECTOR_BYTES));
  }

  /**
   * Why a device that has been a member cannot be one as it is laid out; null when it can.
   *
   * @param own its superblock
   */
  @Nullable String misfit(MdSuperblock own) {
    if (own.dataSize() < model.size()) {
      return "it has room for %d bytes of data, and the array has %d by now"
          .formatted(
              own.dataSize() * MdSuperblock.SECTOR_BYTES, model.size() * MdSuperblock.SECTOR_BYTES);
    }
    if (place.kind() != BitmapPlace.Kind.INTERNAL) {
      return null;
    }
    long start = own.superOffset() + place.bitmapOffset();
    long end = start + bitmapSectors;
    long dataStart = own.dataOffset();
    long log = own.superOffset() + own.bblogOffset();
    boolean inData = start < dataStart + model.size() && dataStart < end;
    boolean inLog = own.bblogSize() > 0 && start < log + own.bblogSize() && log < end;
    return start < 0 || end > deviceSectors || inData || inLog
        ? "the place where the array keeps its bitmap now is taken on it"
        : null;
  }
}
