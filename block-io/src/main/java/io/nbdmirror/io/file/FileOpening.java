package io.nbdmirror.io.file;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.engine.FileTraits;
import io.nbdmirror.io.engine.OpenFile;
import io.nbdmirror.io.nativecalls.FileStatus;
import io.nbdmirror.io.nativecalls.FilesystemType;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;

/** Opens files that hold blocks, with everything that must be known of them. Blocks; any thread. */
final class FileOpening {
  private static final int SECTOR_BYTES = 512;

  /** Direct I/O with this alignment is accepted wherever direct I/O is. */
  private static final int SAFE_ALIGNMENT_BYTES = 4096;

  private final NativeCalls calls;
  private final FileProbe probe;
  private final ExclusiveUse exclusiveUse;

  FileOpening(NativeCalls calls) {
    this.calls = calls;
    probe = new FileProbe(calls);
    exclusiveUse = new ExclusiveUse(calls);
  }

  OpenFile open(String path, Access access, boolean direct) throws DeviceException {
    FileStatus status = probe.status(path);
    if (!status.isRegular() && !status.isBlockSpecial()) {
      throw new DeviceException(
          Errno.EINVAL,
          "%s is %s, not a regular file or a block device"
              .formatted(path, status.isDirectory() ? "a directory" : "a special file"));
    }
    int dataFd = openData(path, access, direct, status);
    int durableFd = -1;
    try {
      // The name may have come to mean another file since it was looked at.
      FileStatus opened = probe.status(path, dataFd);
      if (!opened.isSame(status)) {
        throw new DeviceException(
            Errno.EBUSY, "%s was replaced while it was being opened".formatted(path));
      }
      if (access == Access.EXCLUSIVE) {
        exclusiveUse.lock(path, opened, dataFd);
        durableFd = calls.open(path, Linux.O_RDWR | Linux.O_DSYNC | Linux.O_DIRECT);
      }
      boolean durableIsDirect = durableFd >= 0;
      if (access == Access.EXCLUSIVE && !durableIsDirect) {
        durableFd = probe.open(path, Linux.O_RDWR | Linux.O_DSYNC);
      }
      if (durableFd >= 0 && !probe.status(path, durableFd).isSame(opened)) {
        throw new DeviceException(
            Errno.EBUSY, "%s was replaced while it was being opened".formatted(path));
      }
      FileTraits traits = traits(path, opened, dataFd, direct, durableFd >= 0, durableIsDirect);
      return new OpenFile(calls, path, dataFd, durableFd, traits);
    } catch (DeviceException | RuntimeException e) {
      OpenFile.close(calls, path, durableFd);
      OpenFile.close(calls, path, dataFd);
      throw e;
    }
  }

  private int openData(String path, Access access, boolean direct, FileStatus status)
      throws DeviceException {
    int flags = direct ? Linux.O_DIRECT : 0;
    if (access == Access.EXCLUSIVE) {
      exclusiveUse.requireUnused(path, status);
      flags |= Linux.O_RDWR | (status.isBlockSpecial() ? Linux.O_EXCL : 0);
    }
    int fd = calls.open(path, flags);
    if (fd == -Errno.EBUSY && status.isBlockSpecial()) {
      throw exclusiveUse.busy(path, status);
    }
    if (fd == -Errno.EINVAL && direct) {
      throw new DeviceException(
          Errno.EINVAL,
          "%s is on a filesystem without direct I/O; leave --direct out".formatted(path));
    }
    return fd >= 0 ? fd : probe.open(path, flags);
  }

  private FileTraits traits(
      String path,
      FileStatus status,
      int fd,
      boolean direct,
      boolean writable,
      boolean durableIsDirect)
      throws DeviceException {
    int blockBytes = SECTOR_BYTES;
    long bytes = status.sizeBytes();
    FilesystemType filesystem = FilesystemType.LOCAL;
    int alignment = status.directAlignmentBytes();
    boolean discards;
    if (status.isBlockSpecial()) {
      blockBytes = (int) probe.deviceNumber(path, fd, Linux.BLKSSZGET);
      bytes = probe.deviceNumber(path, fd, Linux.BLKGETSIZE64);
      alignment = blockBytes;
      discards = writable && BlockSpecial.discards(status.specialDevice());
    } else {
      filesystem = probe.filesystem(path, fd);
      alignment = alignment == 0 ? SAFE_ALIGNMENT_BYTES : alignment;
      blockBytes = direct ? Math.max(blockBytes, alignment) : blockBytes;
      discards = writable && punchesHoles(fd, bytes);
    }
    return new FileTraits(
        bytes - bytes % blockBytes,
        blockBytes,
        status.isBlockSpecial(),
        direct,
        alignment,
        durableIsDirect,
        discards,
        filesystem);
  }

  /** Punches where there is nothing: a mebibyte-aligned gibibyte behind the end. */
  private boolean punchesHoles(int fd, long sizeBytes) {
    long behind = ((sizeBytes >> 20) + 1024) << 20;
    int mode = Linux.FALLOC_FL_PUNCH_HOLE | Linux.FALLOC_FL_KEEP_SIZE;
    return calls.fallocate(fd, mode, behind, SAFE_ALIGNMENT_BYTES) == 0;
  }
}
