package io.nbdmirror.raid.resync;

import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import io.nbdmirror.raid.write.WriteOrder;
import org.jspecify.annotations.Nullable;

/**
 * What is gone through, from the start of the array to its end, and what is done about it; {@link
 * Sweep} does the going. Used on the array's loop.
 */
interface SyncJob {
  SyncAction action();

  /** What it is about to do, as a sentence for the log. */
  String announcement();

  /**
   * What became of it, as a sentence.
   *
   * @param bytesWritten to members, by this job
   */
  default String outcome(boolean complete, long bytesWritten) {
    return "%s %s, %d bytes written"
        .formatted(action(), complete ? "done" : "ended early", bytesWritten);
  }

  /** One that does to its range what this is about. */
  Window newWindow(WriteOrder order, Window.Listener listener);

  /** The first chunk at or behind {@code from} to be gone through; -1 when there is none left. */
  int nextChunk(int from);

  /** The first chunk behind {@code chunk} that need not be, at most {@code limit}. */
  int endOfRun(int chunk, int limit);

  /** Where members are read from now; null when there is nobody left to read. */
  @Nullable Member source();

  /** Whether it is written, or compared with, what {@link #source} has. */
  boolean isTarget(Member member);

  /** Whether there is still somebody to do this for, and nothing that must come before. */
  boolean hasTarget();

  /** The chunk is about to be gone through, or a part of it. */
  void chunkStarted(int chunk);

  /** All of the chunk has been gone through. */
  void chunkDone(int chunk);

  /** The chunk had been started, and is not done. */
  void chunkGivenUp(int chunk);

  /**
   * Nothing is under way now: the time to make durable how far it is.
   *
   * @param positionBytes everything before has been gone through
   */
  void checkpoint(long positionBytes, Runnable then);

  /**
   * Nothing is under way any more.
   *
   * @param complete whether everything was gone through
   * @param positionBytes everything before has been gone through
   * @param ended to be run when all that follows from it is done
   */
  void finish(boolean complete, long positionBytes, Runnable ended);
}
