package io.nbdmirror.io.held;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * A request that is made of several, which go on at the same time: it completes when all of them
 * have, with the failure of the one that failed first. Belongs to one loop; used over and over.
 */
final class PartedRequest implements Completion {
  /** Those of one file that are not in use. */
  static final class Pool {
    private final String path;
    private final int tailBytes;
    private @Nullable PartedRequest free;

    /**
     * @param tailBytes how much memory each has for the end of the file
     */
    Pool(String path, int tailBytes) {
      this.path = path;
      this.tailBytes = tailBytes;
      // What a write needs is there before memory can be short.
      free = new PartedRequest(this);
    }

    /**
     * Begins a request, which is not done before {@link PartedRequest#begun}.
     *
     * @param operation for the message of a failure
     */
    PartedRequest begin(String operation, long offsetBytes, int lengthBytes, Completion done) {
      PartedRequest request = free == null ? new PartedRequest(this) : free;
      free = request.next;
      request.next = null;
      request.operation = operation;
      request.offsetBytes = offsetBytes;
      request.lengthBytes = lengthBytes;
      request.done = done;
      request.outstanding = 1;
      return request;
    }
  }

  private final Pool pool;
  private final ByteBuf tail;
  private @Nullable PartedRequest next;
  private String operation = "";
  private long offsetBytes;
  private int lengthBytes;
  private @Nullable Completion done;
  private int outstanding;
  private @Nullable DeviceException failure;

  private PartedRequest(Pool pool) {
    this.pool = pool;
    tail = DirectMemory.allocate(pool.tailBytes).bytes();
  }

  /** One more part, which completes this very object. */
  Completion part() {
    outstanding++;
    return this;
  }

  /** Memory of this request's own, which direct I/O accepts. */
  ByteBuf tail() {
    return tail;
  }

  /** All parts have been made. */
  void begun() {
    completed(null);
  }

  @Override
  public void completed(@Nullable DeviceException partFailure) {
    if (failure == null) {
      failure = partFailure;
    }
    outstanding--;
    if (outstanding > 0) {
      return;
    }
    Completion whole = done;
    DeviceException first = failure;
    DeviceException told =
        first == null
            ? null
            : DeviceException.of(
                operation,
                pool.path,
                offsetBytes,
                lengthBytes,
                first.errno(),
                String.valueOf(first.getMessage()));
    done = null;
    failure = null;
    next = pool.free;
    pool.free = this;
    if (whole != null) {
      whole.completed(told);
    }
  }
}
