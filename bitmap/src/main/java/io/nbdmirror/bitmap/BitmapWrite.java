package io.nbdmirror.bitmap;

/** A write that the bitmap lets go on once its bits are durable; implemented by the request. */
public interface BitmapWrite {
  /** Offset in the array of the first byte. */
  long startBytes();

  /** Offset in the array of the byte behind the last; past {@link #startBytes()}. */
  long endBytes();

  /** Every bit is durable, or the bitmap was kicked; runs on the array's loop. */
  void bitsDurable();
}
