package io.nbdmirror.raid.resync;

/**
 * A range of the array within one window.
 *
 * @param allData the source had no hole in it when it was asked; it may have one by now
 */
record WindowRange(long startBytes, long endBytes, boolean allData) {
  long lengthBytes() {
    return endBytes - startBytes;
  }

  /** The first {@code lengthBytes} of it. */
  WindowRange head(long lengthBytes) {
    return new WindowRange(startBytes, startBytes + lengthBytes, allData);
  }

  /** What is behind the first {@code lengthBytes}. */
  WindowRange tail(long lengthBytes) {
    return new WindowRange(startBytes + lengthBytes, endBytes, allData);
  }
}
