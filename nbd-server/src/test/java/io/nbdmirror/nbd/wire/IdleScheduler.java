package io.nbdmirror.nbd.wire;

import io.nbdmirror.io.Scheduler;

/** A loop on which time stands still and nothing is put off. */
final class IdleScheduler implements Scheduler {
  @Override
  public boolean inLoop() {
    return true;
  }

  @Override
  public void execute(Runnable task) {
    task.run();
  }

  @Override
  public Timer schedule(Runnable task, long delayNanos) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Timer repeat(Runnable task, long periodNanos) {
    throw new UnsupportedOperationException();
  }

  @Override
  public long nanoTime() {
    return 0;
  }

  @Override
  public long wallClockMicros() {
    return 0;
  }
}
