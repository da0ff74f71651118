package io.nbdmirror.nbd.transmission;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.nbd.protocol.ReplyFormat;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The READ requests of one connection: each into a buffer of its own, with room for the header in
 * front, so that a reply is sent as it was read. Lives on the export's loop.
 *
 * <p>Where replies are chunks, holes are looked for when that pays, and then do not travel. A read
 * that failed because a member hangs is made again with a fresh buffer: the hung device may write
 * to the old one at any time, and holds a reference to it.
 */
final class Reads {
  /** How often a read is asked for: more members than an array has hang by then. */
  static final int MAX_ATTEMPTS = 17;

  private final BlockDevice device;
  private final ReplyFormat format;
  private final ByteBufAllocator alloc;
  private final HoleSearch holes = new HoleSearch();

  Reads(BlockDevice device, ReplyFormat format, ByteBufAllocator alloc) {
    this.device = device;
    this.format = format;
    this.alloc = alloc;
  }

  /** Begins a read of at least 1 byte; the request completes. */
  void start(Request request) {
    if (format.isStructured()
        && !request.has(Wire.CMD_FLAG_DF)
        && holes.isWorthwhile(request.offsetBytes, request.lengthBytes)) {
      long rest = device.sizeBytes() - request.offsetBytes;
      long ahead = Math.min(rest, Math.max(request.lengthBytes, HoleSearch.AHEAD_BYTES));
      device.extents(
          request.offsetBytes,
          ahead,
          HoleSearch.MAX_EXTENTS,
          (extents, failure) -> listed(request, extents));
    } else {
      read(request);
    }
  }

  /** Where nothing could be listed, all of it is read: that gives the better error, too. */
  private void listed(Request request, List<Extent> extents) {
    try {
      readParts(request, extents);
    } catch (RuntimeException e) {
      request.broke(e);
    }
  }

  private void readParts(Request request, List<Extent> extents) {
    if (holes.found(extents, request.offsetBytes, request.lengthBytes)) {
      List<Extent> parts = SparseRead.partsOf(extents, request.offsetBytes, request.lengthBytes);
      new SparseRead(device, format, alloc, request, parts).start();
    } else {
      read(request);
    }
  }

  private void read(Request request) {
    int dataIndex = format.dataIndex();
    int lengthBytes = (int) request.lengthBytes;
    ByteBuf reply = alloc.directBuffer(dataIndex + lengthBytes);
    request.buffer = reply;
    request.needsHeader = true;
    request.attempts++;
    device.read(request.offsetBytes, reply, dataIndex, lengthBytes, request);
  }

  /** Whether a read that ended like this is to be made {@link #again}. */
  static boolean mustRepeat(Request request, @Nullable DeviceException failure) {
    return failure != null && failure.errno() == Errno.ETIMEDOUT && request.attempts < MAX_ATTEMPTS;
  }

  void again(Request request) {
    ByteBuf held = request.buffer;
    request.buffer = null;
    if (held != null) {
      held.release();
    }
    try {
      read(request);
    } catch (RuntimeException e) {
      request.broke(e);
    }
  }

  /** Puts the header in front of data that was read, where that is still to be done. */
  void complete(Request request, ByteBuf reply) {
    if (request.needsHeader) {
      int lengthBytes = (int) request.lengthBytes;
      format.setDataHeader(
          reply, 0, true, request.cookie, request.offsetBytes, request.offsetBytes, lengthBytes);
      reply.setIndex(0, format.dataIndex() + lengthBytes);
    }
  }
}
