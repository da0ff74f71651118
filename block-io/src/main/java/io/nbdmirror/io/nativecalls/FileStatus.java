package io.nbdmirror.io.nativecalls;

import java.nio.ByteBuffer;

/**
 * What {@code statx} tells of a file.
 *
 * <pre>
 *   offset  0  mask        16  links        28  mode (16)    32  inode (64)   40  size (64)
 *          128 rdev major  132 rdev minor   136 dev major   140  dev minor
 *          152 memory alignment and 156 offset alignment of direct I/O
 * </pre>
 *
 * @param links how many names it has; 0 once it is unlinked
 * @param device what it lies on, as Linux numbers devices
 * @param specialDevice the device it stands for, when it is special
 * @param directAlignmentBytes what direct I/O must be aligned to; 0 when not told or not possible
 */
public record FileStatus(
    int mode,
    int links,
    long inode,
    long sizeBytes,
    DeviceNumber device,
    DeviceNumber specialDevice,
    int directAlignmentBytes) {
  /** Bytes of struct statx. */
  public static final int BYTES = 256;

  private static final int BASIC = 0x7ff;
  private static final int DIRECT_ALIGNMENT = 0x2000;
  static final int MASK = BASIC | DIRECT_ALIGNMENT;

  private static final int OFFSET_MASK = 0;
  private static final int OFFSET_LINKS = 16;
  private static final int OFFSET_MODE = 28;
  private static final int OFFSET_INODE = 32;
  private static final int OFFSET_SIZE = 40;
  private static final int OFFSET_RDEV = 128;
  private static final int OFFSET_DEV = 136;
  private static final int OFFSET_DIRECT_MEMORY = 152;
  private static final int OFFSET_DIRECT_OFFSET = 156;

  private static final int KIND = 0xf000;
  private static final int REGULAR = 0x8000;
  private static final int BLOCK = 0x6000;
  private static final int DIRECTORY = 0x4000;

  /** Decodes a struct statx in native byte order. */
  public static FileStatus of(ByteBuffer statx) {
    boolean told = (statx.getInt(OFFSET_MASK) & DIRECT_ALIGNMENT) != 0;
    return new FileStatus(
        statx.getShort(OFFSET_MODE) & 0xffff,
        statx.getInt(OFFSET_LINKS),
        statx.getLong(OFFSET_INODE),
        statx.getLong(OFFSET_SIZE),
        number(statx, OFFSET_DEV),
        number(statx, OFFSET_RDEV),
        told
            ? Math.max(statx.getInt(OFFSET_DIRECT_MEMORY), statx.getInt(OFFSET_DIRECT_OFFSET))
            : 0);
  }

  private static DeviceNumber number(ByteBuffer statx, int offset) {
    return new DeviceNumber(statx.getInt(offset), statx.getInt(offset + 4));
  }

  public boolean isRegular() {
    return (mode & KIND) == REGULAR;
  }

  public boolean isBlockSpecial() {
    return (mode & KIND) == BLOCK;
  }

  public boolean isDirectory() {
    return (mode & KIND) == DIRECTORY;
  }

  /** Whether both are one file, by whatever names, or stand for one device. */
  public boolean isSame(FileStatus other) {
    if (isBlockSpecial() && other.isBlockSpecial()) {
      return specialDevice.equals(other.specialDevice);
    }
    return inode == other.inode && device.equals(other.device);
  }
}
