package io.nbdmirror.io.engine;

import io.nbdmirror.io.Scheduler;

/** Decides who does a file's transfers. Any thread may call; shared by any number of files. */
public interface IoEngine {
  /** As the command line and the log name it. */
  String name();

  /**
   * Takes over an open file.
   *
   * @param loop where its requests are made and complete
   */
  FileRequests attach(OpenFile file, Scheduler loop);
}
