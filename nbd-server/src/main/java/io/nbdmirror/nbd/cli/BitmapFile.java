package io.nbdmirror.nbd.cli;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.format.StoredBitmap;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Reads a bitmap file, whose size need not be whole blocks. Blocks. */
final class BitmapFile {
  private static final int PIECE_BYTES = 1 << 20;

  private BitmapFile() {}

  /** Whether the file begins as a bitmap does. */
  static boolean isBitmap(String path) throws IOException, CommandException {
    try (FileChannel channel = open(path)) {
      ByteBuffer magic = ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      return readFully(channel, 0, magic) == Integer.BYTES
          && magic.getInt(0) == BitmapSuperblock.MAGIC;
    }
  }

  static StoredBitmap read(String path) throws IOException, CommandException {
    try (FileChannel channel = open(path)) {
      ByteBuffer head = ByteBuffer.allocate(BitmapSuperblock.BYTES);
      int length = readFully(channel, 0, head);
      BitmapSuperblock superblock = BitmapSuperblock.wrap(head);
      String problem =
          length < BitmapSuperblock.BYTES
              ? "it has only " + length + " bytes"
              : superblock.problem();
      if (problem != null) {
        throw new CommandException(
            "%s is no write-intent bitmap that can be read: %s".formatted(path, problem));
      }
      StoredBitmap bitmap = new StoredBitmap(superblock);
      ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
      long at = BitmapSuperblock.BYTES;
      while (at < bitmap.geometry().storedBytes()) {
        int read = readFully(channel, at, piece.clear());
        if (read == 0) {
          break;
        }
        bitmap.add(piece.flip());
        at += read;
      }
      return bitmap;
    }
  }

  private static FileChannel open(String path) throws IOException, CommandException {
    try {
      return FileChannel.open(Path.of(path), StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      throw new CommandException(path + " does not exist");
    } catch (IOException e) {
      throw new CommandException("cannot open %s: %s".formatted(path, e.getMessage()));
    }
  }

  private static int readFully(FileChannel channel, long at, ByteBuffer target) throws IOException {
    int total = 0;
    while (target.hasRemaining()) {
      int read = channel.read(target, at + total);
      if (read < 0) {
        break;
      }
      total += read;
    }
    return total;
  }
}
