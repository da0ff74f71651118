package io.nbdmirror.nbd.cli;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.format.StoredBitmap;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Reads a bitmap that fills a file of its own, which ends with the last byte of bits, not with a
 * block. Blocks.
 */
final class BitmapFile {
  private static final int PIECE_BYTES = 1 << 20;

  private BitmapFile() {}

  /**
   * @throws CommandException when the file holds no bitmap
   */
  static StoredBitmap read(String path) throws IOException, CommandException {
    try (FileChannel file = FileChannel.open(Path.of(path), StandardOpenOption.READ)) {
      ByteBuffer head = ByteBuffer.allocate(BitmapSuperblock.BYTES);
      fill(head, file);
      if (head.hasRemaining()) {
        throw new CommandException(
            "%s is neither a member of an array nor a bitmap file: it has %d bytes"
                .formatted(path, head.position()));
      }
      BitmapSuperblock superblock = BitmapSuperblock.wrap(head);
      String problem = superblock.problem();
      if (problem != null) {
        throw new CommandException(
            "%s is neither a member of an array nor a bitmap file: %s".formatted(path, problem));
      }
      StoredBitmap bitmap = new StoredBitmap(superblock);
      readBits(bitmap, file);
      return bitmap;
    }
  }

  private static void readBits(StoredBitmap bitmap, FileChannel file) throws IOException {
    ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
    boolean atEnd = false;
    while (!atEnd && bitmap.knownChunks() < bitmap.geometry().chunks()) {
      fill(piece.clear(), file);
      atEnd = piece.hasRemaining();
      bitmap.add(piece.flip());
    }
  }

  private static void fill(ByteBuffer target, FileChannel file) throws IOException {
    int count = 0;
    while (count >= 0 && target.hasRemaining()) {
      count = file.read(target);
    }
  }
}
