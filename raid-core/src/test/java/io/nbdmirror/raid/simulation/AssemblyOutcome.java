package io.nbdmirror.raid.simulation;

import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.assembly.Assembly;
import io.nbdmirror.raid.assembly.AssemblyException;
import org.jspecify.annotations.Nullable;

/** How an assembly ended. */
final class AssemblyOutcome implements Assembly.Completion {
  private boolean done;
  private @Nullable Mirror mirror;
  private @Nullable AssemblyException refusal;

  @Override
  public void completed(@Nullable Mirror assembled, @Nullable AssemblyException failure) {
    Violation.require(!done, "an assembly is answered twice");
    done = true;
    mirror = assembled;
    refusal = failure;
  }

  boolean done() {
    return done;
  }

  @Nullable Mirror mirror() {
    return mirror;
  }

  @Nullable AssemblyException refusal() {
    return refusal;
  }
}
