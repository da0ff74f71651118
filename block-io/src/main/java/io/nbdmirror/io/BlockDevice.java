package io.nbdmirror.io;

import io.netty.buffer.ByteBuf;

/**
 * A block device: a regular file, a block special file, a simulated disk, or the mirror of several.
 *
 * <p>Every request is asynchronous. It is made on the device's loop; its completion runs exactly
 * once on that same loop, possibly before the call that made the request returns. Offsets and
 * lengths are bytes and, unless {@link #blockBytes()} is 1, multiples of it; a request beyond
 * {@link #sizeBytes()} or not aligned is an error of the caller and throws {@link
 * IllegalArgumentException}. Requests in flight to overlapping ranges have no order among
 * themselves: whoever needs one waits.
 *
 * <p>Buffers stay the caller's: the device neither retains nor releases them, moves none of their
 * indices, and is done with them when the completion runs. They must be direct and contiguous
 * ({@link ByteBuf#hasMemoryAddress()}).
 */
public interface BlockDevice extends AutoCloseable {
  /**
   * The name people know this device by, as messages give it: usually the path it was opened by.
   */
  String path();

  /** Size in bytes; does not change but by {@link #refreshSize}. */
  long sizeBytes();

  /**
   * Asks the storage below whether the device has grown since it was opened. Cheap, but on a
   * network filesystem it may wait for a server: for an operator's request, not for I/O.
   *
   * @return {@link #sizeBytes} from now on; what has become shorter keeps the size it had, and
   *     requests there fail
   * @throws DeviceException when it cannot be told
   */
  default long refreshSize() throws DeviceException {
    return sizeBytes();
  }

  /** Unit in bytes of every offset and length: a power of two, 512 for files, 1 for a mirror. */
  int blockBytes();

  /**
   * Reads {@code lengthBytes} at {@code offsetBytes} into {@code target} from {@code targetIndex}
   * on.
   */
  void read(long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done);

  /**
   * Writes {@code lengthBytes} of {@code source} from {@code sourceIndex} on.
   *
   * @param fua complete only when these bytes are durable, by themselves: nothing else that was
   *     written is forced out with them
   */
  void write(
      long offsetBytes,
      ByteBuf source,
      int sourceIndex,
      int lengthBytes,
      boolean fua,
      Completion done);

  /** Completes when every write completed before this call is durable. */
  void flush(Completion done);

  /**
   * Makes the range read as zeroes.
   *
   * @param mayDiscard the blocks may be given back (a hole may be punched); otherwise they stay
   *     allocated
   * @param fua complete only when the zeroes are durable
   */
  void writeZeroes(
      long offsetBytes, long lengthBytes, boolean mayDiscard, boolean fua, Completion done);

  /**
   * Whether {@link #discard} gives blocks back cheaply. Where it does not, discard still leaves
   * zeroes, but pays for writing them.
   */
  boolean discards();

  /**
   * Gives the range back to the storage below. Whatever the storage does, the range reads as zeroes
   * afterwards, so that every member of a mirror reads the same (I11).
   */
  void discard(long offsetBytes, long lengthBytes, boolean fua, Completion done);

  /** Lists which parts of the range are holes; where that can't be known, all of it is data. */
  void extents(long offsetBytes, long lengthBytes, ExtentsCompletion done);

  /**
   * Lists the range from its start as {@link #extents(long, long, ExtentsCompletion)} does, but may
   * stop once there are {@code maxExtents}: nothing is known then of the rest. So a range whose
   * parts may be countless takes bounded time and memory.
   */
  default void extents(long offsetBytes, long lengthBytes, int maxExtents, ExtentsCompletion done) {
    extents(offsetBytes, lengthBytes, done);
  }

  /**
   * A hint that the range will be read soon: a device with a cache begins to fill it. Completes
   * without waiting for that, and fails only if the device does. Needs no alignment.
   */
  default void readAhead(long offsetBytes, long lengthBytes, Completion done) {
    done.completed(null);
  }

  /** Gives the device back. No request may be in flight. Never throws: a failure is logged. */
  @Override
  void close();
}
