package io.nbdmirror.io;

/**
 * A run of bytes that is either data or a hole. A hole reads as zeroes and takes no space below.
 *
 * @param offsetBytes from the start of the device
 * @param lengthBytes at least 1
 */
public record Extent(long offsetBytes, long lengthBytes, boolean hole) {
  /** The first byte behind it. */
  public long endBytes() {
    return offsetBytes + lengthBytes;
  }
}
