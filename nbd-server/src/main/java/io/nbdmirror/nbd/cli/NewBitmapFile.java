package io.nbdmirror.nbd.cli;

import io.nbdmirror.io.held.HeldFile;
import io.nbdmirror.io.held.Writing;
import io.nbdmirror.raid.bitmap.NewBitmap;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A bitmap file made for an array that is being made: removed again unless it is {@linkplain #keep
 * kept}. Blocks.
 */
final class NewBitmapFile implements AutoCloseable {
  /** For an array whose bitmap is in no file. */
  static final NewBitmapFile NONE = new NewBitmapFile(null);

  private final @Nullable Path path;
  private boolean kept;

  private NewBitmapFile(@Nullable Path path) {
    this.path = path;
  }

  /**
   * Makes it, with every bit set.
   *
   * @param replace remove a bitmap file that is there, if it is not in use
   */
  static NewBitmapFile make(String path, NewBitmap bitmap, Writing writing, boolean replace)
      throws IOException, CommandException, InterruptedException {
    Path file = Path.of(path);
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      if (!replace) {
        throw new CommandException(
            path + " is there already: give --force to replace a bitmap that is not in use");
      }
      // Nothing else is replaced, whatever was said.
      BitmapFile.read(path);
      HeldFile.release(path);
      Files.delete(file);
    }
    int length = Math.toIntExact(bitmap.geometry().storedBytes());
    HeldFile.create(path, ByteBuffer.wrap(bitmap.image(length)), writing);
    return new NewBitmapFile(file);
  }

  /** The array counts on it now. */
  void keep() {
    kept = true;
  }

  @Override
  public void close() throws IOException {
    if (path != null && !kept) {
      Files.deleteIfExists(path);
    }
  }
}
