package io.nbdmirror.bitmap.storage;

import io.nbdmirror.io.Completion;
import io.netty.buffer.ByteBuf;

/**
 * Keeps nothing: for an array without a bitmap, or whose bitmap was kicked. The bits then live in
 * memory only, which is enough to order resync against writes.
 */
public final class NoStorage implements BitmapStorage {
  @Override
  public void writePage(int page, ByteBuf buffer, Completion done) {
    done.completed(null);
  }
}
