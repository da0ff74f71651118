package io.nbdmirror.raid.assembly;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.Mirror;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Puts an array together from its members' superblocks. */
public final class Assembly {
  private Assembly() {}

  /** Told once, on the loop, how assembly ended: exactly one of the two is not null. */
  @FunctionalInterface
  public interface Completion {
    void completed(@Nullable Mirror mirror, @Nullable AssemblyException failure);
  }

  /**
   * Assembles one array. Called on {@code loop}. On success the mirror owns the devices and closes
   * them when it stops; on failure they stay the caller's, and not a byte of them was written.
   *
   * @param members opened on {@code loop}
   * @param allowDegraded start although a member that was in sync is absent
   * @param readOnly write nothing to any member, ever
   */
  public static void assemble(
      List<BlockDevice> members,
      boolean allowDegraded,
      boolean readOnly,
      Scheduler loop,
      Completion done) {
    done.completed(null, new AssemblyException("not built yet"));
  }
}
