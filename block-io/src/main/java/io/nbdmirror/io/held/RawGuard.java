package io.nbdmirror.io.held;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.nativecalls.FileStatus;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** Of a file that is written to its blocks: they must stay its blocks, and nobody else's. */
final class RawGuard implements Guard {
  private final LockedFile file;
  private final Protection protection;
  private final BlockMapping mapping;
  private final BlockMap map;

  /** Guards the descriptor, which is not to be asked once it is closed. */
  private final ReentrantLock lock = new ReentrantLock();

  private boolean givenBack;

  RawGuard(LockedFile file, Protection protection, BlockMapping mapping, BlockMap map) {
    this.file = file;
    this.protection = protection;
    this.mapping = mapping;
    this.map = map;
  }

  @Override
  public @Nullable String check() throws DeviceException {
    lock.lock();
    try {
      if (!givenBack) {
        requireUnchanged();
        file.dropCache();
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  private void requireUnchanged() throws DeviceException {
    FileStatus now = file.statusNow();
    if (now.links() == 0) {
      throw unusable("was unlinked while in use");
    }
    if (now.sizeBytes() != file.status().sizeBytes()) {
      throw unusable(
          "had %d bytes and has %d now, it was changed while in use"
              .formatted(file.status().sizeBytes(), now.sizeBytes()));
    }
    String gone = protection.whatIsGone();
    if (gone != null) {
      throw unusable(gone);
    }
    try {
      if (!mapping.findOnce().equals(map)) {
        throw unusable("was moved to other blocks while in use");
      }
    } catch (RawImpossibleException e) {
      throw unusable("has other blocks than before: " + e.reason());
    }
  }

  private DeviceException unusable(String how) {
    return new DeviceException(
        Errno.EIO, "%s %s; it is not written any more".formatted(file.path(), how));
  }

  @Override
  public void giveBack() {
    lock.lock();
    try {
      if (!givenBack) {
        givenBack = true;
        file.dropCache();
        protection.giveBack();
        file.close();
      }
    } finally {
      lock.unlock();
    }
  }
}
