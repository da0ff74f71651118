package io.nbdmirror.raid.bitmap;

import io.nbdmirror.bitmap.BitmapOwner;
import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.bitmap.storage.BitmapStorage;
import io.nbdmirror.bitmap.storage.NoStorage;
import io.nbdmirror.bitmap.storage.StoredCopies;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.member.Member;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The bitmap that the array has now, wherever it is kept: even an array without one has bits in
 * memory. It may be exchanged for another while the array runs, when no write is between its first
 * and its last bit. Used on the array's loop.
 */
public final class ArrayBitmap {
  /** A bitmap together with the place it is kept in. */
  public record Kept(WriteIntentBitmap bitmap, BitmapPlace place, @Nullable StoredCopies storage) {
    /**
     * Puts the two together.
     *
     * @param pages loaded or filled
     * @param needed whether set bits stand for chunks that must be copied
     */
    public static Kept in(
        BitmapPlace place,
        BitmapPages pages,
        BitmapOwner owner,
        StoredCopies.FailureListener copyFailed,
        Scheduler scheduler,
        boolean needed) {
      StoredCopies copies =
          place.copies().isEmpty()
              ? null
              : new StoredCopies(pages.geometry(), place.copies(), copyFailed);
      BitmapStorage storage = copies == null ? new NoStorage() : copies;
      return new Kept(
          new WriteIntentBitmap(pages, storage, owner, scheduler, needed), place, copies);
    }
  }

  private Kept kept;

  /** The one whose file was given up last: once, however many of its writes fail. */
  private @Nullable Kept retired;

  public ArrayBitmap(Kept kept) {
    this.kept = kept;
  }

  public WriteIntentBitmap current() {
    return kept.bitmap();
  }

  public BitmapPlace place() {
    return kept.place();
  }

  /** Whether it is kept on a medium; also true after it was kicked. */
  public boolean isStored() {
    return kept.storage() != null;
  }

  /** Whether it is kept on a medium that takes it. */
  public boolean isTrusted() {
    return isStored() && current().commits().failure() == null;
  }

  /** Writes no further page to this device. */
  public void drop(BlockDevice device) {
    StoredCopies storage = kept.storage();
    if (storage != null) {
      storage.drop(device);
    }
  }

  /** Keeps a copy on this member too, if it is kept on members; its pages must be written then. */
  public void addCopy(Member member) {
    StoredCopies storage = kept.storage();
    if (storage != null && place().kind() == BitmapPlace.Kind.INTERNAL) {
      storage.add(place().copyOn(member));
    }
  }

  /** Exchanges it; the old one is for {@link #giveBack}. */
  public Kept exchange(Kept next) {
    Kept old = kept;
    kept = next;
    return old;
  }

  /** Gives back the file of a bitmap that is no longer in force, once all writes to it ended. */
  public static void giveBack(Kept old, Runnable closed) {
    // A kicked one gave it back itself.
    if (!old.place().isInFile() || old.bitmap().commits().failure() != null) {
      closed.run();
      return;
    }
    old.bitmap()
        .commits()
        .writeAll(() -> {
          close(old);
          closed.run();
        });
  }

  /**
   * Gives up the file of a bitmap that was kicked: once the writes on their way have ended, one
   * last try to mark it stale, for whoever looks at it. That no assembly trusts it does not depend
   * on this (I6).
   */
  public void retire() {
    Kept kicked = kept;
    if (!kicked.place().isInFile() || kicked.equals(retired)) {
      return;
    }
    retired = kicked;
    kicked
        .bitmap()
        .commits()
        .writeAll(() -> {
          // A copy: the bits in memory go on changing, and are committed to nowhere.
          ByteBuffer page = ByteBuffer.allocateDirect(BitmapGeometry.PAGE_BYTES);
          kicked.bitmap().pages().copyTo(page, 0);
          BitmapSuperblock.wrap(page).setState(BitmapSuperblock.STATE_STALE);
          BlockDevice file = kicked.place().copies().getFirst().device();
          int length = (int) Math.min(file.sizeBytes(), BitmapGeometry.PAGE_BYTES);
          file.write(0, Unpooled.wrappedBuffer(page), 0, length, true, ignored -> close(kicked));
        });
  }

  /** Gives the bitmap's file back, if it has one. No page may be on its way. */
  public void close() {
    if (kept.place().isInFile() && failure() == null) {
      close(kept);
    }
  }

  private static void close(Kept kept) {
    kept.place().copies().getFirst().device().close();
  }

  /** Why it was kicked; null while it is trusted. */
  public @Nullable DeviceException failure() {
    return current().commits().failure();
  }
}
