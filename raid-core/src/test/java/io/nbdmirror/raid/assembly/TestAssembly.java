package io.nbdmirror.raid.assembly;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.TestArray;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Assembles simulated members and waits, in virtual time, for the answer. */
public final class TestAssembly {
  private TestAssembly() {}

  public static Mirror assemble(List<BlockDevice> members, boolean allowDegraded, TestArray array) {
    return assemble(members, allowDegraded, false, array);
  }

  public static Mirror assembleReadOnly(List<BlockDevice> members, TestArray array) {
    return assemble(members, false, true, array);
  }

  private static Mirror assemble(
      List<BlockDevice> members, boolean allowDegraded, boolean readOnly, TestArray array) {
    AtomicReference<@Nullable Mirror> answer = new AtomicReference<>();
    run(
        members,
        allowDegraded,
        readOnly,
        array,
        (mirror, failure) -> {
          if (failure != null) {
            throw new AssertionError(failure.getMessage(), failure);
          }
          answer.set(mirror);
        });
    Mirror mirror = answer.get();
    if (mirror == null) {
      throw new AssertionError("assembly gave no answer");
    }
    return mirror;
  }

  public static AssemblyException refusal(
      List<BlockDevice> members, boolean allowDegraded, TestArray array) {
    AtomicReference<@Nullable AssemblyException> answer = new AtomicReference<>();
    run(members, allowDegraded, false, array, (mirror, failure) -> answer.set(failure));
    AssemblyException refusal = answer.get();
    if (refusal == null) {
      throw new AssertionError("assembly was not refused");
    }
    return refusal;
  }

  private static void run(
      List<BlockDevice> members,
      boolean allowDegraded,
      boolean readOnly,
      TestArray array,
      Assembly.Completion done) {
    Assembly.assemble(members, array.bitmapFile(), allowDegraded, readOnly, array.scheduler, done);
    array.scheduler.runUntilIdle();
  }
}
