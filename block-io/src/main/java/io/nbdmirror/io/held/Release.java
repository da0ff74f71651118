package io.nbdmirror.io.held;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Gives a file back when all descriptors that could still write it are closed, on a thread of its
 * own: the last of them may have been closed by a loop, which is not to wait for a filesystem.
 */
final class Release {
  private final String path;
  private final AtomicInteger open;
  private final CountDownLatch released = new CountDownLatch(1);
  private volatile Runnable giveBack = () -> {};

  /**
   * @param files how many are to be closed first
   */
  Release(String path, int files) {
    this.path = path;
    open = new AtomicInteger(files);
  }

  /** Before any of the files can be closed. */
  void onRelease(Runnable action) {
    giveBack = action;
  }

  /** Each file says so once. Any thread. */
  void fileClosed() {
    if (open.decrementAndGet() > 0) {
      return;
    }
    try {
      Thread thread = new Thread(this::release, "release-" + path);
      thread.setDaemon(true);
      thread.start();
    } catch (OutOfMemoryError e) {
      // No thread to be had: better that this one waits than that the file stays locked.
      release();
    }
  }

  private void release() {
    try {
      giveBack.run();
    } finally {
      released.countDown();
    }
  }

  boolean await(Duration patience) throws InterruptedException {
    return released.await(patience.toNanos(), TimeUnit.NANOSECONDS);
  }
}
