package io.nbdmirror.io.simulation;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.ExtentsCompletion;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A completion that remembers, and insists on running once. */
public final class Outcome implements Completion, ExtentsCompletion {
  private boolean done;
  private @Nullable DeviceException failure;
  private List<Extent> extents = List.of();

  @Override
  public void completed(@Nullable DeviceException problem) {
    if (done) {
      throw new AssertionError("completed twice");
    }
    done = true;
    failure = problem;
  }

  @Override
  public void completed(List<Extent> found, @Nullable DeviceException problem) {
    completed(problem);
    extents = found;
  }

  public boolean done() {
    return done;
  }

  public boolean succeeded() {
    return done && failure == null;
  }

  /** Null while not done, and when it succeeded. */
  public @Nullable DeviceException failure() {
    return failure;
  }

  /** 0 while not done, and when it succeeded. */
  public int errno() {
    return failure == null ? 0 : failure.errno();
  }

  public List<Extent> extents() {
    return extents;
  }
}
