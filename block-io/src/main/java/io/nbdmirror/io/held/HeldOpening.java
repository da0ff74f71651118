package io.nbdmirror.io.held;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.io.engine.FileRequests;
import io.nbdmirror.io.engine.FileTraits;
import io.nbdmirror.io.engine.IoEngine;
import io.nbdmirror.io.engine.OpenFile;
import io.nbdmirror.io.file.ExclusiveUse;
import io.nbdmirror.io.file.FileProbe;
import io.nbdmirror.io.nativecalls.FilesystemType;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;
import org.jspecify.annotations.Nullable;

/**
 * Opens a file to be written by this process alone, in the way that is asked for or, left to
 * choose, to its blocks where that is safe and permitted. What is refused is left as it was.
 * Blocks; any thread.
 */
final class HeldOpening {
  /** What the page cache writes out at once, at most. */
  private static final int PAGE_BYTES =
      System.getProperty("os.arch", "").equals("aarch64") ? 65_536 : 4096;

  private static final int SAFE_ALIGNMENT_BYTES = 4096;
  private static final int SECTOR_BYTES = 512;

  private final NativeCalls calls;
  private final String path;
  private final Scheduler loop;
  private final IoEngine engine;

  HeldOpening(NativeCalls calls, String path, Scheduler loop, IoEngine engine) {
    this.calls = calls;
    this.path = path;
    this.loop = loop;
    this.engine = engine;
  }

  HeldParts open(Writing writing) throws DeviceException {
    LockedFile file = LockedFile.open(calls, path);
    boolean done = false;
    try {
      requireUsable(file);
      HeldParts parts = open(file, writing);
      done = true;
      return parts;
    } finally {
      if (!done) {
        file.close();
      }
    }
  }

  private void requireUsable(LockedFile file) throws DeviceException {
    if (file.readOnly()) {
      throw new DeviceException(
          Errno.EROFS,
          "%s is on a filesystem that is mounted read-only (%s): mount it for writing, or keep the"
                  .formatted(path, file.mount().type())
              + " file elsewhere");
    }
    if (file.status().sizeBytes() == 0) {
      throw new DeviceException(Errno.EINVAL, path + " is empty");
    }
    DeviceStack.ofSystem(calls).requireNoMirrorBelow(path, file.status().device());
  }

  private HeldParts open(LockedFile file, Writing writing) throws DeviceException {
    if (writing == Writing.FILE) {
      return throughFilesystem(file, "as asked for");
    }
    try {
      return raw(file);
    } catch (RawImpossibleException e) {
      if (writing == Writing.RAW) {
        throw new DeviceException(
            Errno.EOPNOTSUPP,
            "%s cannot be written at its raw block offsets: %s; --bitmap-io=file writes it through"
                    .formatted(path, e.reason())
                + " its filesystem");
      }
      return throughFilesystem(file, e.reason());
    }
  }

  private HeldParts raw(LockedFile file) throws DeviceException, RawImpossibleException {
    Placement placement = Placement.of(file);
    RawDevice device = RawDevice.open(calls, placement);
    Protection protection = null;
    boolean done = false;
    try {
      protection = Protection.of(file);
      HeldParts parts = raw(file, placement, device, protection);
      done = true;
      return parts;
    } finally {
      if (!done) {
        device.close();
        if (protection != null) {
          protection.undo();
        }
      }
    }
  }

  private HeldParts raw(
      LockedFile file, Placement placement, RawDevice device, Protection protection)
      throws DeviceException, RawImpossibleException {
    // Under protection, so that no page is dirtied and no block moves after this.
    file.writeOutAndDropCache();
    long sizeBytes = file.status().sizeBytes();
    BlockMapping mapping =
        new BlockMapping(
            calls, file.fd(), placement.filesystem(), sizeBytes, placement.blockBytes());
    BlockMap map = mapping.find();
    device.requireWithin(map, placement.filesystem());
    compare(file, device, map);
    Guard guard = new RawGuard(file, protection, mapping, map);
    Release release = new Release(path, 1);
    release.onRelease(guard::giveBack);
    FileTraits traits =
        new FileTraits(
            device.sizeBytes(),
            device.sectorBytes(),
            true,
            true,
            device.sectorBytes(),
            true,
            false,
            FilesystemType.LOCAL);
    FileRequests requests =
        engine.attach(
            new OpenFile(
                calls, device.path(), device.fd(), device.fd(), traits, release::fileClosed),
            loop);
    return new HeldParts(
        path,
        sizeBytes,
        true,
        true,
        "written at its raw block offsets on %s (%s, blocks of %d bytes), %s meanwhile"
            .formatted(
                device.path(),
                placement.filesystem(),
                placement.blockBytes(),
                protection.describe()),
        new RawRoute(path, map, requests, sizeBytes, placement.unitBytes()),
        guard,
        release);
  }

  private void compare(LockedFile file, RawDevice device, BlockMap map) throws DeviceException {
    int direct = openSame(file, Linux.O_RDONLY | Linux.O_DIRECT);
    try {
      new RawComparison(calls, path, file.status().sizeBytes(), device, map).requireEqual(direct);
    } finally {
      OpenFile.close(calls, path, direct);
    }
  }

  private int openSame(LockedFile file, int flags) throws DeviceException {
    FileProbe probe = new FileProbe(calls);
    int fd = probe.open(path, flags);
    if (!probe.status(path, fd).isSame(file.status())) {
      OpenFile.close(calls, path, fd);
      throw new DeviceException(
          Errno.EBUSY, "%s was replaced while it was being opened".formatted(path));
    }
    return fd;
  }

  private HeldParts throughFilesystem(LockedFile file, String reason) throws DeviceException {
    LeftoverFlag.takeAway(file);
    new ExclusiveUse(calls).requireUnused(path, file.status());
    int cachedFd = openSame(file, Linux.O_RDWR | Linux.O_DSYNC);
    int directFd = calls.open(path, Linux.O_RDWR | Linux.O_DSYNC | Linux.O_DIRECT);
    long sizeBytes = file.status().sizeBytes();
    Release release = new Release(path, directFd < 0 ? 1 : 2);
    Guard guard = new FileGuard(file, ForeignWriterWatch.on(file));
    release.onRelease(guard::giveBack);
    int told = file.status().directAlignmentBytes();
    int alignment = told == 0 ? SAFE_ALIGNMENT_BYTES : told;
    FileRequests cached = attach(cachedFd, sizeBytes, false, alignment, release);
    FileRequests direct =
        directFd < 0 ? null : attach(directFd, sizeBytes, true, alignment, release);
    return new HeldParts(
        path,
        sizeBytes,
        false,
        true,
        "written through its filesystem, " + file.mount().type() + ": " + reason,
        route(sizeBytes, direct, cached, alignment),
        guard,
        release);
  }

  private Route route(
      long sizeBytes, @Nullable FileRequests direct, FileRequests cached, int alignment) {
    return new FileRoute(path, sizeBytes, direct, cached, alignment, PAGE_BYTES);
  }

  private FileRequests attach(
      int fd, long sizeBytes, boolean direct, int alignment, Release release) {
    FileTraits traits =
        new FileTraits(
            sizeBytes,
            SECTOR_BYTES,
            false,
            direct,
            alignment,
            direct,
            false,
            // Its calls may take as long as the disk does, whichever filesystem it is.
            FilesystemType.REMOTE);
    return engine.attach(new OpenFile(calls, path, fd, fd, traits, release::fileClosed), loop);
  }
}
