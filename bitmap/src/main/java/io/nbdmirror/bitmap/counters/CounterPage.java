package io.nbdmirror.bitmap.counters;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;

/** The counters of all chunks whose bits are on one page, off the heap. */
final class CounterPage {
  static final int COUNTERS = BitmapGeometry.PAGE_BYTES * 8;

  final CharBuffer values =
      ByteBuffer.allocateDirect(COUNTERS * Character.BYTES)
          .order(ByteOrder.nativeOrder())
          .asCharBuffer();

  /** How many are not zero. */
  int inUse;

  /** How many say that their chunk was idle for a whole period. */
  int aged;
}
