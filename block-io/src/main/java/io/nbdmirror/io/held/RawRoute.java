package io.nbdmirror.io.held;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.engine.FileRequests;
import io.netty.buffer.ByteBuf;

/**
 * To the file's blocks on the device below: run by run where they are not together. Allocates
 * nothing for a write once as many are pooled as go on at the same time.
 *
 * <pre>
 *   file     |  block 0  |  block 1  |  block 2  | end·zeroes |
 *                 ╲          ╱             │           │        zeroes to the end of the unit,
 *   device   ...  | 1 | 0 |   ...        | 2 |  ...  | 3 |      which is within the file's block
 * </pre>
 */
final class RawRoute implements Route {
  private final BlockMap map;
  private final FileRequests device;
  private final long sizeBytes;
  private final int unitBytes;
  private final PartedRequest.Pool requests;

  /**
   * @param device the device's requests
   * @param unitBytes what a write that ends with the file is rounded up to
   */
  RawRoute(String path, BlockMap map, FileRequests device, long sizeBytes, int unitBytes) {
    this.map = map;
    this.device = device;
    this.sizeBytes = sizeBytes;
    this.unitBytes = unitBytes;
    requests = new PartedRequest.Pool(path, unitBytes);
  }

  @Override
  public void read(
      long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done) {
    PartedRequest request = requests.begin("read", offsetBytes, lengthBytes, done);
    int moved = 0;
    while (moved < lengthBytes) {
      long position = offsetBytes + moved;
      BlockMap.Run run = map.at(position);
      int piece = (int) Math.min(run.endBytes() - position, lengthBytes - moved);
      device.read(
          map.deviceOffsetBytes(position), target, targetIndex + moved, piece, request.part());
      moved += piece;
    }
    request.begun();
  }

  @Override
  public void write(
      long offsetBytes, ByteBuf source, int sourceIndex, int lengthBytes, Completion done) {
    PartedRequest request = requests.begin("write", offsetBytes, lengthBytes, done);
    long end = offsetBytes + lengthBytes;
    long wholeEnd = end == sizeBytes ? Math.max(offsetBytes, end - end % unitBytes) : end;
    int moved = 0;
    while (offsetBytes + moved < wholeEnd) {
      long position = offsetBytes + moved;
      BlockMap.Run run = map.at(position);
      int piece = (int) (Math.min(run.endBytes(), wholeEnd) - position);
      device.write(
          map.deviceOffsetBytes(position),
          source,
          sourceIndex + moved,
          piece,
          true,
          request.part());
      moved += piece;
    }
    if (wholeEnd < end) {
      writeTail(request, wholeEnd, source, sourceIndex + moved, (int) (end - wholeEnd));
    }
    request.begun();
  }

  /**
   * What is behind the end of the file, in its own last unit, is zero by rule of the filesystem.
   */
  private void writeTail(
      PartedRequest request, long position, ByteBuf source, int sourceIndex, int lengthBytes) {
    ByteBuf tail = request.tail();
    int padded = (int) (roundedUpSize() - position);
    // Byte by byte: a copy from buffer to buffer makes views of them first, which takes memory
    // (I9).
    for (int i = 0; i < padded; i++) {
      tail.setByte(i, i < lengthBytes ? source.getByte(sourceIndex + i) : 0);
    }
    device.write(map.deviceOffsetBytes(position), tail, 0, padded, true, request.part());
  }

  private long roundedUpSize() {
    return (sizeBytes + unitBytes - 1) / unitBytes * unitBytes;
  }

  @Override
  public void close() {
    device.close();
  }
}
