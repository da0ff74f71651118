package io.nbdmirror.bitmap.storage;

import static io.nbdmirror.bitmap.format.BitmapGeometry.PAGE_BYTES;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A bitmap on devices: a copy on every member, or the only one in a file. Each page is written to
 * all copies at once and durable by itself (I12). The last page is cut to the bitmap's own blocks,
 * so that nothing behind it is touched. What a copy's failure means is for the owner to say.
 */
public final class StoredCopies implements BitmapStorage {
  /** Told that a copy could not be written, before the page's own completion runs. */
  @FunctionalInterface
  public interface FailureListener {
    void copyFailed(BlockDevice device, DeviceException failure);
  }

  /**
   * One copy.
   *
   * @param offsetBytes where the bitmap starts on the device
   */
  public record Copy(BlockDevice device, long offsetBytes) {}

  private static final int SECTOR_BYTES = 512;

  private final BitmapGeometry geometry;
  private final FailureListener failures;
  private Copy[] copies;
  private boolean[] dropped;
  private final PageWrite[] writes;

  public StoredCopies(BitmapGeometry geometry, List<Copy> copies, FailureListener failures) {
    this.geometry = geometry;
    this.failures = failures;
    this.copies = copies.toArray(Copy[]::new);
    dropped = new boolean[this.copies.length];
    writes = new PageWrite[geometry.pages()];
    for (int page = 0; page < writes.length; page++) {
      writes[page] = new PageWrite(page);
    }
  }

  /** Writes no further page to this device. */
  public void drop(BlockDevice device) {
    for (int i = 0; i < copies.length; i++) {
      if (copies[i].device().equals(device)) {
        dropped[i] = true;
      }
    }
  }

  /**
   * Writes pages to one more copy from now on. What it lacks is for the caller to write. Only while
   * no page is being given to the copies there are; away from the write path, as it allocates.
   */
  public void add(Copy copy) {
    List<Copy> kept = new ArrayList<>();
    for (int i = 0; i < copies.length; i++) {
      if (!dropped[i]) {
        kept.add(copies[i]);
      }
    }
    kept.add(copy);
    copies = kept.toArray(Copy[]::new);
    dropped = new boolean[copies.length];
    for (PageWrite write : writes) {
      write.takeCopies();
    }
  }

  @Override
  public void writePage(int page, ByteBuf buffer, Completion done) {
    writes[page].start(buffer, done);
  }

  /** The write of one page to all copies. */
  private final class PageWrite {
    private final long offsetInBitmap;
    private final int usedBytes;
    private CopyWrite[] copyWrites = {};
    private int pending;
    private int written;
    private @Nullable DeviceException lastFailure;
    private @Nullable Completion done;

    PageWrite(int page) {
      offsetInBitmap = (long) page * PAGE_BYTES;
      usedBytes = geometry.usedBytesOf(page);
      takeCopies();
    }

    void takeCopies() {
      CopyWrite[] each = new CopyWrite[copies.length];
      for (int i = 0; i < each.length; i++) {
        each[i] = new CopyWrite(this, copies[i].device());
      }
      copyWrites = each;
    }

    void start(ByteBuf buffer, Completion whenDone) {
      done = whenDone;
      written = 0;
      lastFailure = null;
      // One more than there are copies, so that inline completions do not end the page early.
      pending = 1;
      for (int i = 0; i < copies.length; i++) {
        if (!dropped[i]) {
          pending++;
          long offset = copies[i].offsetBytes() + offsetInBitmap;
          BlockDevice device = copies[i].device();
          device.write(offset, buffer, 0, lengthOn(device, offset), true, copyWrites[i]);
        }
      }
      oneDone();
    }

    /** In whole sectors, but for a file that ends within one. */
    private int lengthOn(BlockDevice device, long offset) {
      int unit = Math.max(device.blockBytes(), SECTOR_BYTES);
      int length = (usedBytes + unit - 1) / unit * unit;
      return (int) Math.min(length, device.sizeBytes() - offset);
    }

    void copyDone(BlockDevice device, @Nullable DeviceException failure) {
      if (failure == null) {
        written++;
      } else {
        lastFailure = failure;
        failures.copyFailed(device, failure);
      }
      oneDone();
    }

    private void oneDone() {
      if (--pending == 0 && done != null) {
        Completion finished = done;
        done = null;
        finished.completed(written > 0 ? null : failureOf());
      }
    }

    private DeviceException failureOf() {
      return lastFailure != null
          ? lastFailure
          : new DeviceException(Errno.EIO, "nothing is left to hold the write-intent bitmap");
    }
  }

  private record CopyWrite(PageWrite page, BlockDevice device) implements Completion {
    @Override
    public void completed(@Nullable DeviceException failure) {
      page.copyDone(device, failure);
    }
  }
}
