package io.nbdmirror.io.held;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.io.engine.IoEngine;
import io.nbdmirror.io.nativecalls.LibcCalls;
import io.nbdmirror.io.nativecalls.NativeCalls;
import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A regular file that this process alone writes, and whose every write is durable by itself: to its
 * blocks on the device below, or through its filesystem.
 *
 * <p>Offsets and lengths are bytes. Any range may be read; what is written starts at a multiple of
 * 512 and ends at one or at the end of the file. The size never changes. Requests are made on the
 * loop; opening, {@link #check} and {@link #awaitReleased} block, so not on a loop.
 */
public final class HeldFile implements BlockDevice {
  private static final int SECTOR_BYTES = 512;

  private final String path;
  private final long sizeBytes;
  private final Scheduler loop;
  private final boolean raw;
  private final String howWritten;
  private final boolean writable;
  private final Route route;
  private final Guard guard;
  private final Release release;
  private volatile boolean closed;

  HeldFile(HeldParts parts, Scheduler loop) {
    path = parts.path();
    sizeBytes = parts.sizeBytes();
    raw = parts.raw();
    howWritten = parts.howWritten();
    writable = parts.writable();
    route = parts.route();
    guard = parts.guard();
    release = parts.release();
    this.loop = loop;
  }

  /**
   * Makes a file that must not exist yet, readable by its owner alone, with real blocks. Where its
   * blocks can be written past its filesystem, their map is proved first by bytes that nobody can
   * guess. On any failure the file is removed again. Blocks.
   *
   * @param content all of the file, at least 1 byte; left as it is
   * @throws DeviceException one sentence why not: it exists, no space, mounted read-only, no raw
   *     offsets where {@code writing} demands them, a map that is not true
   */
  public static void create(String path, ByteBuffer content, Writing writing)
      throws DeviceException {
    new Creation(LibcCalls.get(), path).create(content, writing);
  }

  /**
   * Opens a file for this process alone, and protects it from others as well as may be. Blocks.
   *
   * @param loop where requests are made from now on, and complete
   * @throws DeviceException one sentence why not: no regular file, in use by whom, mounted
   *     read-only, on the mirror itself, no raw offsets where {@code writing} demands them
   */
  public static HeldFile open(String path, Writing writing, Scheduler loop, IoEngine engine)
      throws DeviceException {
    return open(LibcCalls.get(), path, writing, loop, engine);
  }

  /** With other system calls, for tests. */
  static HeldFile open(
      NativeCalls calls, String path, Writing writing, Scheduler loop, IoEngine engine)
      throws DeviceException {
    return new HeldFile(new HeldOpening(calls, path, loop, engine).open(writing), loop);
  }

  /**
   * Opens a file to be read, whoever uses it: without protection, past the page cache where the
   * filesystem has that. Blocks.
   *
   * @throws DeviceException one sentence why not
   */
  public static HeldFile openReadOnly(String path, Scheduler loop, IoEngine engine)
      throws DeviceException {
    return new HeldFile(new ReadOnlyOpening(LibcCalls.get(), path, loop, engine).open(), loop);
  }

  /**
   * Takes away what a killed server left: the immutable flag. Blocks.
   *
   * @return whether there was anything to take away
   * @throws DeviceException one sentence why not: no regular file, in use by whom, not permitted
   */
  public static boolean release(String path) throws DeviceException {
    return LeftoverFlag.takeAway(LibcCalls.get(), path);
  }

  /** Whether it is written to its blocks, past its filesystem. */
  public boolean isRaw() {
    return raw;
  }

  /** For the log: which way it is written, and why so. */
  public String howWritten() {
    return howWritten;
  }

  /**
   * Looks whether the file is still what it was, and drops its page cache where that shows bytes
   * that are no longer true. Blocks; to be called by one thread, from time to time.
   *
   * @return a sentence about what people must hear but does no harm yet, such as another writer,
   *     whose bytes are to be written over; null when all is well, or it is closed
   * @throws DeviceException when it must not be written any more: its blocks moved, its protection
   *     is gone, it was cut short, unlinked or replaced
   */
  public @Nullable String check() throws DeviceException {
    return closed ? null : guard.check();
  }

  @Override
  public String path() {
    return path;
  }

  @Override
  public long sizeBytes() {
    return sizeBytes;
  }

  @Override
  public int blockBytes() {
    return 1;
  }

  @Override
  public void read(
      long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done) {
    requireRange(offsetBytes, lengthBytes);
    requireBuffer(target, targetIndex, lengthBytes);
    if (lengthBytes == 0) {
      done.completed(null);
      return;
    }
    route.read(offsetBytes, target, targetIndex, lengthBytes, done);
  }

  /** Durable by itself when it completes, whatever {@code fua} is. */
  @Override
  public void write(
      long offsetBytes,
      ByteBuf source,
      int sourceIndex,
      int lengthBytes,
      boolean fua,
      Completion done) {
    requireRange(offsetBytes, lengthBytes);
    requireBuffer(source, sourceIndex, lengthBytes);
    long end = offsetBytes + lengthBytes;
    if (offsetBytes % SECTOR_BYTES != 0 || (end % SECTOR_BYTES != 0 && end != sizeBytes)) {
      throw new IllegalArgumentException(
          "%d bytes at %d of %s, which is written in pieces of %d"
              .formatted(lengthBytes, offsetBytes, path, SECTOR_BYTES));
    }
    if (!writable) {
      done.completed(
          DeviceException.of(
              "write",
              path,
              offsetBytes,
              lengthBytes,
              Errno.EPERM,
              "it was opened for reading only"));
    } else if (lengthBytes == 0) {
      done.completed(null);
    } else {
      route.write(offsetBytes, source, sourceIndex, lengthBytes, done);
    }
  }

  /** Every write is durable when it completes, so there is nothing left to do. */
  @Override
  public void flush(Completion done) {
    assert loop.inLoop() : "called outside its loop";
    done.completed(null);
  }

  /** Not supported: zeroes are written like other bytes. */
  @Override
  public void writeZeroes(
      long offsetBytes, long lengthBytes, boolean mayDiscard, boolean fua, Completion done) {
    requireRange(offsetBytes, lengthBytes);
    done.completed(notSupported("zero", offsetBytes, lengthBytes));
  }

  @Override
  public boolean discards() {
    return false;
  }

  /** Not supported: the file keeps its blocks. */
  @Override
  public void discard(long offsetBytes, long lengthBytes, boolean fua, Completion done) {
    requireRange(offsetBytes, lengthBytes);
    done.completed(notSupported("discard", offsetBytes, lengthBytes));
  }

  @Override
  public void extents(long offsetBytes, long lengthBytes, ExtentsCompletion done) {
    requireRange(offsetBytes, lengthBytes);
    done.completed(
        lengthBytes == 0 ? List.of() : List.of(new Extent(offsetBytes, lengthBytes, false)), null);
  }

  /**
   * Gives everything back after the last write has let go of the device: first the descriptors it
   * is written by, then its protection, then the lock. Returns before that, see {@link
   * #awaitReleased}.
   */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      route.close();
    }
  }

  /**
   * Waits until it has been given back after {@link #close}. Blocks; for the end of the process.
   *
   * @return false when that took longer
   */
  public boolean awaitReleased(Duration patience) throws InterruptedException {
    return release.await(patience);
  }

  private DeviceException notSupported(String operation, long offsetBytes, long lengthBytes) {
    return DeviceException.of(
        operation, path, offsetBytes, lengthBytes, Errno.EOPNOTSUPP, "it keeps its blocks");
  }

  private void requireRange(long offsetBytes, long lengthBytes) {
    assert loop.inLoop() : "called outside its loop";
    if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes > sizeBytes - lengthBytes) {
      throw new IllegalArgumentException(
          "%d bytes at %d of %s, which has %d bytes"
              .formatted(lengthBytes, offsetBytes, path, sizeBytes));
    }
  }

  private static void requireBuffer(ByteBuf buffer, int index, int lengthBytes) {
    if (!buffer.hasMemoryAddress()
        || index < 0
        || lengthBytes < 0
        || index > buffer.capacity() - lengthBytes) {
      throw new IllegalArgumentException(
          "%d bytes from %d on of %s, which must be direct and contiguous"
              .formatted(lengthBytes, index, buffer));
    }
  }
}
