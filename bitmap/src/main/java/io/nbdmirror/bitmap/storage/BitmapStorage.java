package io.nbdmirror.bitmap.storage;

import io.nbdmirror.io.Completion;
import io.netty.buffer.ByteBuf;

/** The medium of a bitmap. Used on the array's loop; allocates nothing per page (I9). */
public interface BitmapStorage {
  /**
   * Writes one page. At most one write of a page is in flight.
   *
   * @param buffer the page's 4096 bytes, unchanged until {@code done} runs
   * @param done told null when the page is durable on every copy that counts (I1); a failure means
   *     that no copy could be written
   */
  void writePage(int page, ByteBuf buffer, Completion done);
}
