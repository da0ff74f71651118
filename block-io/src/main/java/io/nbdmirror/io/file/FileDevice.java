package io.nbdmirror.io.file;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.io.engine.FileRequests;
import io.nbdmirror.io.engine.IoEngine;
import io.nbdmirror.io.engine.OpenFile;
import io.nbdmirror.io.nativecalls.LibcCalls;
import io.nbdmirror.io.nativecalls.Linux;
import io.netty.buffer.ByteBuf;
import java.util.List;

/**
 * A regular file or a block special file. Its size, rounded down to whole blocks, is taken when it
 * is opened, and again when somebody says that it grew.
 *
 * <p>Closing it closes its descriptors; on a block device that no one else has open the system then
 * writes out what is still cached, so flush first.
 */
public final class FileDevice implements BlockDevice {
  private final OpenFile file;
  private final Scheduler loop;
  private final FileRequests requests;
  private long sizeBytes;

  FileDevice(OpenFile file, Scheduler loop, IoEngine engine) {
    this.file = file;
    this.loop = loop;
    requests = engine.attach(file, loop);
    sizeBytes = file.traits().sizeBytes();
  }

  /**
   * Opens a file. Blocks, so not on a loop.
   *
   * @param direct go past the page cache
   * @param loop where the device is used from now on
   * @throws DeviceException one sentence why not: no such file, not a file that holds blocks, not
   *     permitted, in use by whom
   */
  public static FileDevice open(
      String path, Access access, boolean direct, Scheduler loop, IoEngine engine)
      throws DeviceException {
    return new FileDevice(
        new FileOpening(LibcCalls.get()).open(path, access, direct), loop, engine);
  }

  @Override
  public String path() {
    return file.path();
  }

  @Override
  public long sizeBytes() {
    return sizeBytes;
  }

  @Override
  public long refreshSize() throws DeviceException {
    assert loop.inLoop() : "called outside its loop";
    FileProbe probe = new FileProbe(file.calls());
    long bytes =
        file.traits().blockSpecial()
            ? probe.deviceNumber(path(), file.dataFd(), Linux.BLKGETSIZE64)
            : probe.status(path(), file.dataFd()).sizeBytes();
    sizeBytes = Math.max(sizeBytes, bytes - bytes % blockBytes());
    return sizeBytes;
  }

  @Override
  public int blockBytes() {
    return file.traits().blockBytes();
  }

  @Override
  public boolean discards() {
    return file.traits().discards();
  }

  @Override
  public void read(
      long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done) {
    requireRange(offsetBytes, lengthBytes);
    requireBuffer(target, targetIndex, lengthBytes);
    requests.read(offsetBytes, target, targetIndex, lengthBytes, done);
  }

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
    if (refuseChange("write", offsetBytes, lengthBytes, done)) {
      return;
    }
    requests.write(offsetBytes, source, sourceIndex, lengthBytes, fua, done);
  }

  @Override
  public void flush(Completion done) {
    assert loop.inLoop();
    requests.flush(done);
  }

  @Override
  public void writeZeroes(
      long offsetBytes, long lengthBytes, boolean mayDiscard, boolean fua, Completion done) {
    requireRange(offsetBytes, lengthBytes);
    if (refuseChange("zero", offsetBytes, lengthBytes, done)) {
      return;
    }
    requests.zero(offsetBytes, lengthBytes, mayDiscard, fua, done);
  }

  @Override
  public void discard(long offsetBytes, long lengthBytes, boolean fua, Completion done) {
    requireRange(offsetBytes, lengthBytes);
    if (refuseChange("discard", offsetBytes, lengthBytes, done)) {
      return;
    }
    requests.zero(offsetBytes, lengthBytes, true, fua, done);
  }

  @Override
  public void extents(long offsetBytes, long lengthBytes, ExtentsCompletion done) {
    extents(offsetBytes, lengthBytes, Integer.MAX_VALUE, done);
  }

  @Override
  public void extents(long offsetBytes, long lengthBytes, int maxExtents, ExtentsCompletion done) {
    requireRange(offsetBytes, lengthBytes);
    if (lengthBytes == 0) {
      done.completed(List.of(), null);
      return;
    }
    requests.extents(offsetBytes, lengthBytes, maxExtents, done);
  }

  @Override
  public void readAhead(long offsetBytes, long lengthBytes, Completion done) {
    assert loop.inLoop() : "called outside its loop";
    if (file.traits().direct() || lengthBytes == 0) {
      // There is no cache, and a length of 0 means all of the file to the kernel.
      done.completed(null);
      return;
    }
    requests.readAhead(offsetBytes, lengthBytes, done);
  }

  @Override
  public void close() {
    requests.close();
  }

  private boolean refuseChange(
      String operation, long offsetBytes, long lengthBytes, Completion done) {
    if (file.durableFd() >= 0) {
      return false;
    }
    done.completed(
        DeviceException.of(
            operation,
            path(),
            offsetBytes,
            lengthBytes,
            Errno.EPERM,
            "it was opened for reading only"));
    return true;
  }

  private void requireRange(long offsetBytes, long lengthBytes) {
    assert loop.inLoop() : "called outside its loop";
    if (offsetBytes < 0
        || lengthBytes < 0
        || ((offsetBytes | lengthBytes) & (blockBytes() - 1)) != 0
        || offsetBytes > sizeBytes() - lengthBytes) {
      throw new IllegalArgumentException(
          "%d bytes at %d of %s, which has %d bytes in blocks of %d"
              .formatted(lengthBytes, offsetBytes, path(), sizeBytes(), blockBytes()));
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
