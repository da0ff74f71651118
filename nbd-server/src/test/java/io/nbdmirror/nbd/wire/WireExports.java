package io.nbdmirror.nbd.wire;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.nbd.export.AllocationContext;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.export.MetaContext;
import io.nbdmirror.nbd.export.StatusExtents;
import java.util.List;

/**
 * What the server of every case offers: "disk", which is the default, and "rom", which is
 * read-only, both of {@link #SIZE} bytes.
 */
final class WireExports {
  static final int SIZE = 1 << 20;

  private WireExports() {}

  static ExportRegistry on(Scheduler loop) {
    ExportRegistry exports = new ExportRegistry();
    exports.add(export("disk", "a disk", loop, false));
    exports.add(export("rom", "", loop, true));
    exports.setDefault("disk");
    return exports;
  }

  private static Export export(String name, String description, Scheduler loop, boolean readOnly) {
    SparseMemory memory = new SparseMemory(SIZE);
    return new Export(
        name,
        description,
        memory,
        loop,
        readOnly,
        4096,
        List.of(
            new AllocationContext(memory),
            new Striped("qemu:dirty-bitmap:write-intent", 65_536),
            new Striped("x-nbdmirror:state", 1)));
  }

  /** A context whose parts of one length have the flags 1 and 0 in turn. */
  private record Striped(String name, long stripeBytes) implements MetaContext {
    @Override
    public void describe(StatusExtents into, Completion done) {
      while (!into.isFull()) {
        long stripe = into.positionBytes() / stripeBytes;
        into.add((stripe + 1) * stripeBytes - into.positionBytes(), (int) (stripe & 1));
      }
      done.completed(null);
    }
  }
}
