package io.nbdmirror.io.held;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.engine.FileRequests;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * Through the filesystem: whole pages past the page cache, the file's last piece of a page through
 * it, so that the file's size never changes. A page is only ever written in one of the two ways,
 * since the cache writes out whole pages.
 */
final class FileRoute implements Route {
  private static final int SECTOR_BYTES = 512;

  private final @Nullable FileRequests direct;
  private final FileRequests cached;
  private final int directUnitBytes;
  private final long lastPageStart;
  private final PartedRequest.Pool requests;

  /**
   * @param direct past the page cache; null where the filesystem has no such way
   * @param cached through the page cache, durable all the same
   * @param directAlignmentBytes what direct transfers must be multiples of
   * @param pageBytes what the page cache writes out at once, at most
   */
  FileRoute(
      String path,
      long sizeBytes,
      @Nullable FileRequests direct,
      FileRequests cached,
      int directAlignmentBytes,
      int pageBytes) {
    this.direct = direct;
    this.cached = cached;
    directUnitBytes = directAlignmentBytes <= SECTOR_BYTES ? SECTOR_BYTES : pageBytes;
    lastPageStart = sizeBytes - sizeBytes % pageBytes;
    requests = new PartedRequest.Pool(path, 1);
  }

  @Override
  public void read(
      long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done) {
    FileRequests way = direct == null ? cached : direct;
    way.read(offsetBytes, target, targetIndex, lengthBytes, done);
  }

  @Override
  public void write(
      long offsetBytes, ByteBuf source, int sourceIndex, int lengthBytes, Completion done) {
    if (direct == null) {
      cached.write(offsetBytes, source, sourceIndex, lengthBytes, true, done);
      return;
    }
    PartedRequest request = requests.begin("write", offsetBytes, lengthBytes, done);
    int whole = Math.clamp(lastPageStart - offsetBytes, 0, lengthBytes);
    if (whole > 0) {
      FileRequests way = (offsetBytes | whole) % directUnitBytes == 0 ? direct : cached;
      way.write(offsetBytes, source, sourceIndex, whole, true, request.part());
    }
    if (whole < lengthBytes) {
      cached.write(
          offsetBytes + whole,
          source,
          sourceIndex + whole,
          lengthBytes - whole,
          true,
          request.part());
    }
    request.begun();
  }

  @Override
  public void close() {
    if (direct != null) {
      direct.close();
    }
    cached.close();
  }
}
