package io.nbdmirror.nbd.transmission;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.nbd.protocol.ReplyFormat;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A read of a range that has holes: one buffer holds all its chunks, and what is data is read into
 * its places there.
 */
final class SparseRead {
  private final BlockDevice device;
  private final ReplyFormat format;
  private final ByteBufAllocator alloc;
  private final Request request;
  private final List<Extent> parts;

  private int pending;
  private @Nullable DeviceException failure;

  /**
   * @param parts the range of the request, in order, as {@link #partsOf} has it
   */
  SparseRead(
      BlockDevice device,
      ReplyFormat format,
      ByteBufAllocator alloc,
      Request request,
      List<Extent> parts) {
    this.device = device;
    this.format = format;
    this.alloc = alloc;
    this.request = request;
    this.parts = parts;
  }

  /**
   * What a range is to be sent as: holes worth it, and data between them. What is not listed is
   * data.
   */
  static List<Extent> partsOf(List<Extent> extents, long offsetBytes, long lengthBytes) {
    List<Extent> parts = new ArrayList<>();
    long end = offsetBytes + lengthBytes;
    long dataStart = offsetBytes;
    for (Extent extent : extents) {
      long from = Math.max(extent.offsetBytes(), offsetBytes);
      long to = Math.min(extent.endBytes(), end);
      if (extent.hole() && to - from >= HoleSearch.SHORTEST_HOLE_BYTES) {
        if (from > dataStart) {
          parts.add(new Extent(dataStart, from - dataStart, false));
        }
        parts.add(new Extent(from, to - from, true));
        dataStart = to;
      }
    }
    if (dataStart < end) {
      parts.add(new Extent(dataStart, end - dataStart, false));
    }
    return parts;
  }

  void start() {
    request.attempts++;
    int bytes = 0;
    for (Extent part : parts) {
      bytes += chunkBytes(part);
    }
    ByteBuf reply = alloc.directBuffer(bytes, bytes);
    request.buffer = reply;
    reply.writerIndex(bytes);
    failure = null;
    // One more than there are parts, until all have been begun.
    pending = 1;
    int index = 0;
    for (int i = 0; i < parts.size(); i++) {
      Extent part = parts.get(i);
      begin(reply, index, part, i + 1 == parts.size());
      index += chunkBytes(part);
    }
    ended(null);
  }

  private int chunkBytes(Extent part) {
    return part.hole()
        ? format.holeChunkBytes()
        : format.dataIndex() + Math.toIntExact(part.lengthBytes());
  }

  private void begin(ByteBuf reply, int index, Extent part, boolean last) {
    int lengthBytes = (int) part.lengthBytes();
    long offsetBytes = part.offsetBytes();
    if (part.hole()) {
      format.setHole(
          reply, index, last, request.cookie, request.offsetBytes, offsetBytes, lengthBytes);
    } else {
      format.setDataHeader(
          reply, index, last, request.cookie, request.offsetBytes, offsetBytes, lengthBytes);
      pending++;
      Completion done = this::ended;
      try {
        device.read(offsetBytes, reply, index + format.dataIndex(), lengthBytes, done);
      } catch (RuntimeException e) {
        // Others may be under way into the same buffer: it ends with them.
        ended(new DeviceException(Errno.EIO, "an internal error on " + device.path() + ": " + e));
      }
    }
  }

  /** A part has been read, or all have been begun. */
  private void ended(@Nullable DeviceException partFailure) {
    if (failure == null) {
      failure = partFailure;
    }
    pending--;
    if (pending > 0) {
      return;
    }
    if (Reads.mustRepeat(request, failure)) {
      ByteBuf held = request.buffer;
      request.buffer = null;
      if (held != null) {
        held.release();
      }
      start();
    } else {
      request.completed(failure);
    }
  }
}
