package io.nbdmirror.io.engine;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.ExtentsCompletion;
import io.netty.buffer.ByteBuf;

/**
 * The requests of one file, as {@link BlockDevice} has them, already checked against its size and
 * block size. Called on the file's loop.
 */
public interface FileRequests {
  void read(long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done);

  void write(
      long offsetBytes,
      ByteBuf source,
      int sourceIndex,
      int lengthBytes,
      boolean fua,
      Completion done);

  void flush(Completion done);

  void zero(long offsetBytes, long lengthBytes, boolean mayPunch, boolean fua, Completion done);

  void extents(long offsetBytes, long lengthBytes, int maxExtents, ExtentsCompletion done);

  void readAhead(long offsetBytes, long lengthBytes, Completion done);

  /**
   * Closes the file: at once, or, if it was given up with requests in flight, when the last of them
   * has let go of its descriptors. Those never complete.
   */
  void close();
}
