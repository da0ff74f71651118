package io.nbdmirror.io.held;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.io.engine.FileRequests;
import io.nbdmirror.io.engine.FileTraits;
import io.nbdmirror.io.engine.IoEngine;
import io.nbdmirror.io.engine.OpenFile;
import io.nbdmirror.io.file.FileProbe;
import io.nbdmirror.io.nativecalls.FileStatus;
import io.nbdmirror.io.nativecalls.FilesystemType;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;
import org.jspecify.annotations.Nullable;

/**
 * Opens a file to be read whoever uses it, past the page cache where the filesystem has that: what
 * is written to its blocks is not in the cache. Blocks; any thread.
 */
final class ReadOnlyOpening {
  private static final int SECTOR_BYTES = 512;
  private static final int SAFE_ALIGNMENT_BYTES = 4096;

  private final NativeCalls calls;
  private final String path;
  private final Scheduler loop;
  private final IoEngine engine;

  ReadOnlyOpening(NativeCalls calls, String path, Scheduler loop, IoEngine engine) {
    this.calls = calls;
    this.path = path;
    this.loop = loop;
    this.engine = engine;
  }

  HeldParts open() throws DeviceException {
    FileProbe probe = new FileProbe(calls);
    LockedFile.requireRegular(path, probe.status(path));
    int directFd = calls.open(path, Linux.O_RDONLY | Linux.O_NONBLOCK | Linux.O_DIRECT);
    boolean direct = directFd >= 0;
    int fd = direct ? directFd : probe.open(path, Linux.O_RDONLY | Linux.O_NONBLOCK);
    FileStatus status;
    try {
      status = probe.status(path, fd);
      LockedFile.requireRegular(path, status);
    } catch (DeviceException e) {
      OpenFile.close(calls, path, fd);
      throw e;
    }
    int told = status.directAlignmentBytes();
    FileTraits traits =
        new FileTraits(
            status.sizeBytes(),
            SECTOR_BYTES,
            false,
            direct,
            told == 0 ? SAFE_ALIGNMENT_BYTES : told,
            false,
            false,
            FilesystemType.REMOTE);
    Release release = new Release(path, 1);
    FileRequests requests =
        engine.attach(new OpenFile(calls, path, fd, -1, traits, release::fileClosed), loop);
    return new HeldParts(
        path,
        status.sizeBytes(),
        false,
        false,
        "only read",
        new FileRoute(
            path, status.sizeBytes(), null, requests, SAFE_ALIGNMENT_BYTES, SAFE_ALIGNMENT_BYTES),
        new NoGuard(),
        release);
  }

  /** A file that is only read may do as it likes. */
  private static final class NoGuard implements Guard {
    @Override
    public @Nullable String check() {
      return null;
    }

    @Override
    public void giveBack() {}
  }
}
