package io.nbdmirror.io.held;

import io.nbdmirror.io.Errno;
import io.nbdmirror.io.engine.OpenFile;
import io.nbdmirror.io.file.ExclusiveUse;
import io.nbdmirror.io.nativecalls.Linux;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells when another process has written a file, or is about to, by inotify's events. Our own
 * descriptors are opened before it and closed after it, so that what is closed after writing was
 * never ours. Blocks; any thread, not two at a time.
 */
final class ForeignWriterWatch {
  private static final Logger LOG = LoggerFactory.getLogger(ForeignWriterWatch.class);
  private static final int EVENTS_BYTES = 4096;
  private static final int EVENT_BYTES = 16;
  private static final int MASK_OFFSET = 4;
  private static final int NAME_LENGTH_OFFSET = 12;

  private final LockedFile file;
  private final int fd;
  private final DirectMemory events = DirectMemory.allocate(EVENTS_BYTES);

  private ForeignWriterWatch(LockedFile file, int fd) {
    this.file = file;
    this.fd = fd;
    events.buffer().order(ByteOrder.nativeOrder());
  }

  /** Starts to watch; where the system has no watches left, nothing is ever told. */
  static ForeignWriterWatch on(LockedFile file) {
    int fd = file.calls().inotify(Linux.IN_NONBLOCK | Linux.IN_CLOEXEC);
    if (fd >= 0) {
      // By the descriptor: the name may have come to mean another file.
      String path = "/proc/self/fd/" + file.fd();
      int watch = file.calls().watch(fd, path, Linux.IN_CLOSE_WRITE | Linux.IN_OPEN);
      if (watch < 0) {
        OpenFile.close(file.calls(), file.path(), fd);
        fd = watch;
      }
    }
    if (fd < 0) {
      LOG.warn("{} cannot be watched for other writers: {}", file.path(), file.calls().text(-fd));
    }
    return new ForeignWriterWatch(file, fd);
  }

  /** What has happened since it was last asked, as a sentence; null when nothing has. */
  @Nullable String look() {
    int seen = drain();
    if ((seen & (Linux.IN_CLOSE_WRITE | Linux.IN_Q_OVERFLOW)) != 0) {
      return "%s was open for writing by another process, which may have changed it"
          .formatted(file.path());
    }
    if ((seen & Linux.IN_OPEN) != 0) {
      String writer = new ExclusiveUse(file.calls()).foreignWriter(file.status());
      if (writer != null) {
        return "%s is open for writing by %s, which should leave it alone"
            .formatted(file.path(), writer);
      }
    }
    return null;
  }

  private int drain() {
    int seen = 0;
    while (fd >= 0) {
      long count = file.calls().read(fd, events.address(), EVENTS_BYTES);
      if (count == -Errno.EINTR) {
        continue;
      }
      if (count <= 0) {
        return seen;
      }
      ByteBuffer buffer = events.buffer();
      int at = 0;
      while (at < count) {
        seen |= buffer.getInt(at + MASK_OFFSET);
        at += EVENT_BYTES + buffer.getInt(at + NAME_LENGTH_OFFSET);
      }
    }
    return seen;
  }

  void close() {
    OpenFile.close(file.calls(), file.path(), fd);
  }
}
