package io.nbdmirror.io.engine;

import io.nbdmirror.io.nativecalls.NativeCalls;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The descriptors of one file: one for data, and one whose writes are durable by themselves, beside
 * the page cache where the filesystem allows (I12).
 *
 * @param durableFd opened with O_DSYNC and, where possible, O_DIRECT; -1 when opened for reading;
 *     may be the same as {@code dataFd}
 * @param whenClosed called when the descriptors have been closed, by whichever thread closed them,
 *     which may be the loop
 */
public record OpenFile(
    NativeCalls calls,
    String path,
    int dataFd,
    int durableFd,
    FileTraits traits,
    Runnable whenClosed) {
  private static final Logger LOG = LoggerFactory.getLogger(OpenFile.class);

  /** With nobody to be told when it is closed. */
  public OpenFile(NativeCalls calls, String path, int dataFd, int durableFd, FileTraits traits) {
    this(calls, path, dataFd, durableFd, traits, () -> {});
  }

  boolean writable() {
    return durableFd >= 0;
  }

  /** Gives the descriptors back, and with them the locks they hold. */
  public void close() {
    if (durableFd != dataFd) {
      close(calls, path, durableFd);
    }
    close(calls, path, dataFd);
    whenClosed.run();
  }

  /** Closes a descriptor if there is one; a failure is logged. */
  public static void close(NativeCalls calls, String path, int fd) {
    int result = fd < 0 ? 0 : calls.close(fd);
    if (result < 0) {
      LOG.warn("closing {} failed: {}", path, calls.text(-result));
    }
  }
}
