package io.nbdmirror.io.held;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.nativecalls.FileStatus;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Of a file that is written through its filesystem: its blocks may move, but it must stay the file
 * of that name, with all its bytes.
 */
final class FileGuard implements Guard {
  private final LockedFile file;
  private final ForeignWriterWatch watch;

  /** Guards the descriptors, which are not to be asked once they are closed. */
  private final ReentrantLock lock = new ReentrantLock();

  private boolean givenBack;

  FileGuard(LockedFile file, ForeignWriterWatch watch) {
    this.file = file;
    this.watch = watch;
  }

  @Override
  public @Nullable String check() throws DeviceException {
    lock.lock();
    try {
      if (givenBack) {
        return null;
      }
      requireThere();
      return watch.look();
    } finally {
      lock.unlock();
    }
  }

  private void requireThere() throws DeviceException {
    FileStatus now = file.statusNow();
    if (now.links() == 0) {
      throw unusable("was unlinked or replaced while in use");
    }
    if (now.sizeBytes() < file.status().sizeBytes()) {
      throw unusable(
          "was cut short while in use, from %d bytes to %d"
              .formatted(file.status().sizeBytes(), now.sizeBytes()));
    }
    ByteBuffer named = ByteBuffer.allocateDirect(FileStatus.BYTES).order(ByteOrder.nativeOrder());
    if (file.calls().status(file.path(), named) < 0
        || !FileStatus.of(named).isSame(file.status())) {
      throw unusable("was renamed or replaced while in use");
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
        watch.close();
        file.close();
      }
    } finally {
      lock.unlock();
    }
  }
}
