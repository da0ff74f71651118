package io.nbdmirror.io.held;

import io.nbdmirror.io.Completion;
import io.netty.buffer.ByteBuf;

/** The way a held file's bytes take. Called on its loop, with ranges that were checked. */
interface Route {
  void read(long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done);

  /** Completes when the bytes are durable. */
  void write(long offsetBytes, ByteBuf source, int sourceIndex, int lengthBytes, Completion done);

  /** Closes what it uses when the last request has let go of it. */
  void close();
}
