package io.nbdmirror.io.engine;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.ExtentsCompletion;
import io.netty.buffer.ByteBuf;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request on its way through a worker. Belongs to the loop, then to one worker, then to the loop
 * again; used over and over.
 */
final class PooledRequest {
  enum Kind {
    READ,
    WRITE,
    FLUSH,
    ZERO,
    EXTENTS,
    READ_AHEAD
  }

  Kind kind = Kind.FLUSH;
  long offset;
  long length;
  boolean fua;
  boolean mayPunch;
  int maxExtents;
  @Nullable ByteBuf buffer;
  int index;
  @Nullable Completion done;
  @Nullable ExtentsCompletion extentsDone;

  @Nullable DeviceException failure;
  List<Extent> extents = List.of();

  /** The next in whichever list it is in. */
  @Nullable PooledRequest next;

  /** Does what is asked, on a worker. */
  void perform(FileTransfers transfers, FileSpace space) throws DeviceException {
    ByteBuf bytes = buffer;
    switch (kind) {
      case READ -> {
        if (bytes != null) {
          transfers.read(offset, bytes, index, (int) length);
        }
      }
      case WRITE -> {
        if (bytes != null && fua) {
          transfers.writeDurable(offset, bytes, index, (int) length);
        } else if (bytes != null) {
          transfers.write(offset, bytes, index, (int) length);
        }
      }
      case FLUSH -> transfers.flush();
      case ZERO -> space.zero(offset, length, mayPunch, fua);
      case EXTENTS -> extents = space.extents(offset, length, maxExtents);
      case READ_AHEAD -> space.readAhead(offset, length);
    }
  }

  /** Forgets what it refers to. */
  void clear() {
    buffer = null;
    done = null;
    extentsDone = null;
    failure = null;
    extents = List.of();
    next = null;
  }
}
