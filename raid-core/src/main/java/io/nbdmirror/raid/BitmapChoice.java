package io.nbdmirror.raid;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.assembly.BitmapFile;
import io.nbdmirror.raid.bitmap.ArrayBitmap;
import io.nbdmirror.raid.bitmap.BitmapPlace;
import io.nbdmirror.raid.bitmap.InternalSpace;
import io.nbdmirror.raid.bitmap.NewBitmap;
import io.nbdmirror.raid.member.Members;

/**
 * What a {@link BitmapTarget} comes to for one array: where exactly, and in which chunks.
 * Immutable.
 */
record BitmapChoice(BitmapPlace place, NewBitmap layout) {
  private static final long DEFAULT_CHUNK_BYTES = 64L << 20;

  /**
   * Works it out.
   *
   * @throws DeviceException with the sentence why it cannot be
   */
  static BitmapChoice of(BitmapTarget target, Mirror mirror, Members members, ArrayBitmap now)
      throws DeviceException {
    BitmapFile file = target.file();
    if (file != null) {
      return inFile(file, target.chunkBytes(), mirror);
    }
    if (target.internal()) {
      return onMembers(target.chunkBytes(), mirror, members, now);
    }
    return new BitmapChoice(
        BitmapPlace.NOWHERE, mirror.bitmapLayout(now.current().geometry().chunkBytes()));
  }

  private static BitmapChoice inFile(BitmapFile file, long chunkBytes, Mirror mirror)
      throws DeviceException {
    long size = mirror.sizeBytes();
    long chunk = chunkBytes == 0 ? NewBitmap.fileChunkBytes(size) : chunkBytes;
    require(NewBitmap.chunkProblem(chunk, size, NewBitmap.MIN_CHUNK_BYTES));
    NewBitmap layout = mirror.bitmapLayout(chunk);
    long stored = layout.geometry().storedBytes();
    if (file.device().sizeBytes() < stored) {
      require(
          "%s has %d bytes, and the bitmap takes %d"
              .formatted(file.device().path(), file.device().sizeBytes(), stored));
    }
    return new BitmapChoice(BitmapPlace.inFile(file.device(), file.raw()), layout);
  }

  private static BitmapChoice onMembers(
      long chunkBytes, Mirror mirror, Members members, ArrayBitmap now) throws DeviceException {
    long size = mirror.sizeBytes();
    BitmapGeometry present = now.current().geometry();
    InternalSpace space = new InternalSpace(members, now.place(), present);
    long least = space.leastChunkBytes(size);
    if (least == 0) {
      require(
          "the members of array %s have no room for a bitmap beside their superblocks: keep it in"
                  .formatted(mirror.name())
              + " a file");
    }
    long chunk = chunkBytes == 0 ? Math.max(least, DEFAULT_CHUNK_BYTES) : chunkBytes;
    require(NewBitmap.chunkProblem(chunk, size, least));
    NewBitmap layout = mirror.bitmapLayout(chunk);
    int offset = space.find(layout.geometry());
    return new BitmapChoice(BitmapPlace.onMembers(members, offset), layout);
  }

  private static void require(String problem) throws DeviceException {
    if (!problem.isEmpty()) {
      throw new DeviceException(Errno.EINVAL, problem);
    }
  }
}
