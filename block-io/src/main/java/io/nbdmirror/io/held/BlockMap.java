package io.nbdmirror.io.held;

import java.util.ArrayList;
import java.util.List;

/**
 * Where a file's bytes lie on the device below. Immutable; two maps of the same places are equal.
 *
 * @param runs in the file's order, adjacent, from offset 0 on; neighbours that are adjacent on the
 *     device too are one run
 */
record BlockMap(List<Run> runs) {
  /**
   * Bytes that lie together, on the file as on the device.
   *
   * @param fileOffsetBytes where in the file
   * @param deviceOffsetBytes where on the device
   * @param lengthBytes at least 1
   */
  record Run(long fileOffsetBytes, long deviceOffsetBytes, long lengthBytes) {
    long endBytes() {
      return fileOffsetBytes + lengthBytes;
    }
  }

  /** Joins what is adjacent. */
  BlockMap {
    List<Run> joined = new ArrayList<>();
    long expected = 0;
    for (Run run : runs) {
      if (run.lengthBytes < 1 || run.fileOffsetBytes != expected) {
        throw new IllegalArgumentException("a gap or an overlap before " + run);
      }
      expected = run.endBytes();
      Run last = joined.isEmpty() ? null : joined.getLast();
      if (last != null && last.deviceOffsetBytes + last.lengthBytes == run.deviceOffsetBytes) {
        joined.removeLast();
        run =
            new Run(
                last.fileOffsetBytes, last.deviceOffsetBytes, last.lengthBytes + run.lengthBytes);
      }
      joined.add(run);
    }
    runs = List.copyOf(joined);
  }

  /** How much of the file is mapped: whole blocks, so at least its size. */
  long lengthBytes() {
    return runs.isEmpty() ? 0 : runs.getLast().endBytes();
  }

  /**
   * The run that holds a byte.
   *
   * @throws IndexOutOfBoundsException when it lies behind the end of the map
   */
  Run at(long fileOffsetBytes) {
    int low = 0;
    int high = runs.size() - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      Run run = runs.get(middle);
      if (fileOffsetBytes < run.fileOffsetBytes) {
        high = middle - 1;
      } else if (fileOffsetBytes >= run.endBytes()) {
        low = middle + 1;
      } else {
        return run;
      }
    }
    throw new IndexOutOfBoundsException(
        "offset %d of a map of %d bytes".formatted(fileOffsetBytes, lengthBytes()));
  }

  /** Where on the device a byte of the file lies. */
  long deviceOffsetBytes(long fileOffsetBytes) {
    Run run = at(fileOffsetBytes);
    return run.deviceOffsetBytes + fileOffsetBytes - run.fileOffsetBytes;
  }
}
