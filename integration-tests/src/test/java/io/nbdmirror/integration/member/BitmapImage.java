package io.nbdmirror.integration.member;

import io.nbdmirror.integration.process.Command;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.UUID;

/**
 * The bytes of a bitmap file as they are on the medium, read past the page cache and straight from
 * the offsets that Linux's md-bitmap.h gives.
 */
public record BitmapImage(Path file) {
  private static final int HEADER = 256;

  public long events() {
    return read().getLong(24);
  }

  public boolean isStale() {
    return (read().getInt(48) & 2) != 0;
  }

  public long chunkBytes() {
    return Integer.toUnsignedLong(read().getInt(52));
  }

  public UUID uuid() {
    ByteBuffer bytes = read().order(ByteOrder.BIG_ENDIAN);
    return new UUID(bytes.getLong(8), bytes.getLong(16));
  }

  public int chunks() {
    ByteBuffer bytes = read();
    long size = bytes.getLong(40) * 512;
    long chunk = Integer.toUnsignedLong(bytes.getInt(52));
    return Math.toIntExact((size + chunk - 1) / chunk);
  }

  /** The bits that are set, one per chunk. */
  public BitSet dirtyChunks() {
    return BitSet.valueOf(read().position(HEADER)).get(0, chunks());
  }

  private ByteBuffer read() {
    try {
      Path copy = Files.createTempFile("bitmap", ".copy");
      Command.of("dd", "if=" + file, "iflag=direct", "of=" + copy, "bs=64K", "status=none").run();
      byte[] bytes = Files.readAllBytes(copy);
      Files.delete(copy);
      return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
