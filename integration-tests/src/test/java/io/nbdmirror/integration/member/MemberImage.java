package io.nbdmirror.integration.member;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * The bytes of a member with a version 1.2 superblock and an internal bitmap, read straight from
 * the offsets that Linux's md_p.h and md-bitmap.h give, so that a mistake in the project's codecs
 * cannot hide itself.
 */
public final class MemberImage {
  private static final long SUPERBLOCK = 4096;
  private static final int SECTOR = 512;
  private static final int BITMAP_HEADER = 256;
  private static final int CSUM = 216;

  private final Path file;

  public MemberImage(Path file) {
    this.file = file;
  }

  public Path file() {
    return file;
  }

  /** Where the array's bytes begin. */
  public long dataOffsetBytes() {
    return superblock().getLong(128) * SECTOR;
  }

  /** How many bytes of this member the array uses. */
  public long dataBytes() {
    return superblock().getLong(80) * SECTOR;
  }

  public long events() {
    return superblock().getLong(200);
  }

  /** Whether the bitmap is on the members. */
  public boolean hasBitmap() {
    return (superblock().getInt(8) & 1) != 0;
  }

  /** Whether the superblock says that nothing was being written. */
  public boolean clean() {
    return superblock().getLong(208) == -1;
  }

  /** How far a member that is being rebuilt has been copied to; 0 on one that is not. */
  public long recoveredBytes() {
    ByteBuffer bytes = superblock();
    return (bytes.getInt(8) & 2) == 0 ? 0 : bytes.getLong(152) * SECTOR;
  }

  /** Bytes of the array that one bit stands for. */
  public long chunkBytes() {
    return Integer.toUnsignedLong(read(bitmapOffset(), BITMAP_HEADER).getInt(52));
  }

  public int chunks() {
    long chunk = chunkBytes();
    return Math.toIntExact((dataBytes() + chunk - 1) / chunk);
  }

  /** The bits that are set on disk, one per chunk. */
  public BitSet dirtyChunks() {
    int chunks = chunks();
    byte[] bytes = read(bitmapOffset() + BITMAP_HEADER, (chunks + 7) / 8).array();
    return BitSet.valueOf(bytes).get(0, chunks);
  }

  private long bitmapOffset() {
    return SUPERBLOCK + (long) superblock().getInt(96) * SECTOR;
  }

  private ByteBuffer superblock() {
    return read(SUPERBLOCK, 4096);
  }

  /** Sets a 32-bit field of the superblock and leaves the checksum wrong unless it is asked for. */
  public void patch(int field, int value, boolean fixChecksum) {
    ByteBuffer bytes = superblock().putInt(field, value);
    if (fixChecksum) {
      bytes.putInt(CSUM, checksum(bytes));
    }
    write(SUPERBLOCK, bytes);
  }

  /**
   * Enters blocks in the member's own log of bad blocks, as its only entry.
   *
   * @param sector from the beginning of the device
   */
  public void recordBadBlocks(long sector, int sectors) {
    ByteBuffer bytes = superblock();
    ByteBuffer entries = ByteBuffer.allocate(SECTOR).order(ByteOrder.LITTLE_ENDIAN);
    entries.putLong(sector << 10 | sectors);
    while (entries.hasRemaining()) {
      entries.putLong(-1);
    }
    write(SUPERBLOCK + (long) bytes.getInt(188) * SECTOR, entries);
    patch(8, bytes.getInt(8) | 8, true);
  }

  private static int checksum(ByteBuffer bytes) {
    int stored = bytes.getInt(CSUM);
    bytes.putInt(CSUM, 0);
    int length = BITMAP_HEADER + 2 * bytes.getInt(220);
    long sum = 0;
    for (int i = 0; i + 4 <= length; i += 4) {
      sum += Integer.toUnsignedLong(bytes.getInt(i));
    }
    if (length % 4 == 2) {
      sum += Short.toUnsignedInt(bytes.getShort(length - 2));
    }
    bytes.putInt(CSUM, stored);
    return (int) (sum + (sum >>> 32));
  }

  /** The array's bytes as this member has them. */
  public byte[] data(long offsetBytes, int lengthBytes) {
    return read(dataOffsetBytes() + offsetBytes, lengthBytes).array();
  }

  /** Changes the array's bytes on this member alone, as a failing disk might. */
  public void damage(long offsetBytes, byte[] bytes) {
    write(dataOffsetBytes() + offsetBytes, ByteBuffer.wrap(bytes));
  }

  /** Indexes of the blocks of the array, of that size, that are not the same on the two. */
  public static List<Long> differingBlocks(MemberImage one, MemberImage other, int blockBytes) {
    int stepBytes = 1 << 20;
    long size = one.dataBytes();
    List<Long> differing = new ArrayList<>();
    for (long offset = 0; offset < size; offset += stepBytes) {
      int length = (int) Math.min(stepBytes, size - offset);
      byte[] a = one.data(offset, length);
      byte[] b = other.data(offset, length);
      for (int at = Arrays.mismatch(a, b); at >= 0 && at < length; at = nextMismatch(a, b, at)) {
        at = at / blockBytes * blockBytes;
        differing.add((offset + at) / blockBytes);
        at += blockBytes;
      }
    }
    return differing;
  }

  private static int nextMismatch(byte[] a, byte[] b, int from) {
    int at = from < a.length ? Arrays.mismatch(a, from, a.length, b, from, b.length) : -1;
    return at < 0 ? -1 : from + at;
  }

  private ByteBuffer read(long offset, int length) {
    ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      while (bytes.hasRemaining()) {
        if (channel.read(bytes, offset + bytes.position()) < 0) {
          throw new AssertionError(file + " ends before " + (offset + length));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.flip();
  }

  private void write(long offset, ByteBuffer bytes) {
    ByteBuffer rest = bytes.duplicate().rewind();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      while (rest.hasRemaining()) {
        channel.write(rest, offset + rest.position());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
