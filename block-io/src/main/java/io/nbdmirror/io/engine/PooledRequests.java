package io.nbdmirror.io.engine;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.io.nativecalls.FilesystemType;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One file's requests under the pool engine.
 *
 * <pre>
 *   read  ── cached? ──────────▶ done on the loop
 *            │ else the rest
 *   write ── only a copy, and quick lately? ──▶ done on the loop
 *            │ else
 *            ▼
 *   FUA, flush, zero, extents, read-ahead ──▶ worker ──▶ finished list ──one wake-up──▶ loop
 * </pre>
 *
 * <p>Allocates nothing for what is done on the loop; requests that go to a worker are pooled.
 */
final class PooledRequests implements FileRequests {
  private static final Logger LOG = LoggerFactory.getLogger(PooledRequests.class);

  /** Longer copies would hold up the loop's other requests. */
  static final int INLINE_BYTES = 256 << 10;

  private final OpenFile file;
  private final Scheduler loop;
  private final FileTransfers transfers;
  private final FileSpace space;
  private final Workers workers;
  private final WritePace pace = new WritePace();
  private final boolean copiesOnLoop;
  private final ByteBuf scratch = Unpooled.directBuffer(8);
  private final Runnable drain = this::completeFinished;
  private @Nullable PooledRequest free;
  private boolean closed;

  PooledRequests(OpenFile file, Scheduler loop, int workerLimit) {
    this.file = file;
    this.loop = loop;
    transfers = new FileTransfers(file);
    space = new FileSpace(file, transfers);
    copiesOnLoop = !file.traits().direct() && file.traits().filesystem() != FilesystemType.REMOTE;
    Path leaf = Path.of(file.path()).getFileName();
    workers =
        new Workers(
            leaf == null ? file.path() : leaf.toString(),
            workerLimit,
            this::perform,
            this::wakeLoop,
            file::close);
  }

  @Override
  public void read(
      long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done) {
    int there = 0;
    if (copiesOnLoop && lengthBytes <= INLINE_BYTES) {
      there =
          transfers.readWithoutWaiting(
              offsetBytes, target.memoryAddress() + targetIndex, lengthBytes);
      if (there == lengthBytes) {
        done.completed(null);
        return;
      }
      if (there == FileTransfers.UNKNOWN) {
        there = 0;
        if (file.traits().filesystem() == FilesystemType.MEMORY) {
          readOnLoop(offsetBytes, target, targetIndex, lengthBytes, done);
          return;
        }
      }
    }
    PooledRequest request = obtain(PooledRequest.Kind.READ, done);
    request.offset = offsetBytes + there;
    request.length = (long) lengthBytes - there;
    request.buffer = target;
    request.index = targetIndex + there;
    workers.submit(request);
  }

  private void readOnLoop(
      long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done) {
    DeviceException failure = null;
    try {
      transfers.read(offsetBytes, target, targetIndex, lengthBytes);
    } catch (DeviceException e) {
      failure = e;
    }
    done.completed(failure);
  }

  @Override
  public void write(
      long offsetBytes,
      ByteBuf source,
      int sourceIndex,
      int lengthBytes,
      boolean fua,
      Completion done) {
    if (!fua
        && copiesOnLoop
        && lengthBytes <= INLINE_BYTES
        && pace.quick(loop.nanoTime())
        && transfers.writeIsOnlyCopy(offsetBytes, lengthBytes, scratch.memoryAddress())) {
      writeOnLoop(offsetBytes, source, sourceIndex, lengthBytes, done);
      return;
    }
    PooledRequest request = obtain(PooledRequest.Kind.WRITE, done);
    request.offset = offsetBytes;
    request.length = lengthBytes;
    request.fua = fua;
    request.buffer = source;
    request.index = sourceIndex;
    workers.submit(request);
  }

  private void writeOnLoop(
      long offsetBytes, ByteBuf source, int sourceIndex, int lengthBytes, Completion done) {
    DeviceException failure = null;
    long start = loop.nanoTime();
    try {
      transfers.write(offsetBytes, source, sourceIndex, lengthBytes);
    } catch (DeviceException e) {
      failure = e;
    }
    pace.took(start, loop.nanoTime());
    done.completed(failure);
  }

  @Override
  public void flush(Completion done) {
    workers.submit(obtain(PooledRequest.Kind.FLUSH, done));
  }

  @Override
  public void zero(
      long offsetBytes, long lengthBytes, boolean mayPunch, boolean fua, Completion done) {
    PooledRequest request = obtain(PooledRequest.Kind.ZERO, done);
    request.offset = offsetBytes;
    request.length = lengthBytes;
    request.mayPunch = mayPunch;
    request.fua = fua;
    workers.submit(request);
  }

  @Override
  public void readAhead(long offsetBytes, long lengthBytes, Completion done) {
    // Even this may wait: for a place in the device's queue, or for the file's own block map.
    PooledRequest request = obtain(PooledRequest.Kind.READ_AHEAD, done);
    request.offset = offsetBytes;
    request.length = lengthBytes;
    workers.submit(request);
  }

  @Override
  public void extents(long offsetBytes, long lengthBytes, int maxExtents, ExtentsCompletion done) {
    PooledRequest request = obtain(PooledRequest.Kind.EXTENTS, null);
    request.offset = offsetBytes;
    request.length = lengthBytes;
    request.maxExtents = maxExtents;
    request.extentsDone = done;
    workers.submit(request);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      workers.end();
      scratch.release();
    }
  }

  /** On a worker. */
  private void perform(PooledRequest request) {
    try {
      request.perform(transfers, space);
    } catch (DeviceException e) {
      request.failure = e;
    } catch (RuntimeException | Error e) {
      LOG.error("a request to {} broke", file.path(), e);
      request.failure =
          DeviceException.of(
              "do what was asked of",
              file.path(),
              request.offset,
              request.length,
              Errno.EIO,
              "internal error: " + e);
    }
  }

  /** On a worker. */
  private void wakeLoop() {
    try {
      loop.execute(drain);
    } catch (RejectedExecutionException e) {
      LOG.warn("requests to {} ended after their loop had", file.path());
    }
  }

  private void completeFinished() {
    PooledRequest request = workers.takeFinished();
    while (request != null) {
      PooledRequest next = request.next;
      complete(request);
      request = next;
    }
  }

  private void complete(PooledRequest request) {
    Completion done = request.done;
    ExtentsCompletion extentsDone = request.extentsDone;
    DeviceException failure = request.failure;
    List<Extent> extents = request.extents;
    request.clear();
    request.next = free;
    free = request;
    if (closed) {
      return;
    }
    if (done != null) {
      done.completed(failure);
    } else if (extentsDone != null) {
      extentsDone.completed(extents, failure);
    }
  }

  private PooledRequest obtain(PooledRequest.Kind kind, @Nullable Completion done) {
    PooledRequest request = free;
    if (request == null) {
      request = new PooledRequest();
    } else {
      free = request.next;
    }
    request.kind = kind;
    request.done = done;
    request.fua = false;
    request.mayPunch = false;
    request.offset = 0;
    request.length = 0;
    return request;
  }
}
