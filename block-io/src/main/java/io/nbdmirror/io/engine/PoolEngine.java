package io.nbdmirror.io.engine;

import io.nbdmirror.io.Scheduler;

/**
 * Buffered transfers on the loop while they are copies to and from the page cache, and a few worker
 * threads for each file for whatever may wait for its disk. A file that is stuck holds up its own
 * workers only.
 */
public final class PoolEngine implements IoEngine {
  /** Enough to keep a disk busy behind the page cache. */
  public static final int CACHED_WORKERS = 4;

  /** The queue depth that direct I/O gets. */
  public static final int DIRECT_WORKERS = 16;

  @Override
  public String name() {
    return "pool";
  }

  @Override
  public FileRequests attach(OpenFile file, Scheduler loop) {
    int workers = file.traits().direct() ? DIRECT_WORKERS : CACHED_WORKERS;
    return new PooledRequests(file, loop, workers);
  }
}
