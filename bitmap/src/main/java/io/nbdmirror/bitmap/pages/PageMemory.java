package io.nbdmirror.bitmap.pages;

import static io.nbdmirror.bitmap.format.BitmapGeometry.PAGE_BYTES;

import io.nbdmirror.io.AddressedBuffer;
import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** One page, three times over as {@link BitmapPages} says, in memory that direct I/O accepts. */
final class PageMemory {
  private static final int COPIES = 3;

  final ByteBuffer image;
  final ByteBuffer snapshot;
  final ByteBuffer durable;
  final ByteBuf snapshotBytes;
  int setBits;

  /** All zeroes. */
  PageMemory() {
    ByteBuffer all =
        ByteBuffer.allocateDirect(COPIES * PAGE_BYTES + PAGE_BYTES).alignedSlice(PAGE_BYTES);
    image = all.slice(0, PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    snapshot = all.slice(PAGE_BYTES, PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    durable = all.slice(2 * PAGE_BYTES, PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    snapshotBytes = AddressedBuffer.over(snapshot);
  }

  /** Counts the bits from {@code fromByte} on. */
  void countBits(int fromByte) {
    setBits = 0;
    for (int at = fromByte; at < PAGE_BYTES; at += Long.BYTES) {
      setBits += Long.bitCount(image.getLong(at));
    }
  }

  /** What is on the medium for certain while the snapshot is written: set before and after. */
  void narrowDurable() {
    for (int at = 0; at < PAGE_BYTES; at += Long.BYTES) {
      durable.putLong(at, durable.getLong(at) & snapshot.getLong(at));
    }
  }

  /** The snapshot is on the medium; what was cleared since is about to go again. */
  void snapshotWritten() {
    for (int at = 0; at < PAGE_BYTES; at += Long.BYTES) {
      durable.putLong(at, snapshot.getLong(at) & image.getLong(at));
    }
  }

  void forgetDurable() {
    for (int at = 0; at < PAGE_BYTES; at += Long.BYTES) {
      durable.putLong(at, 0);
    }
  }
}
