package io.nbdmirror.nbd.serve;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.io.held.HeldFile;
import io.nbdmirror.nbd.alert.Alerts;
import io.nbdmirror.nbd.array.BitmapContext;
import io.nbdmirror.nbd.array.ServedArray;
import io.nbdmirror.nbd.array.StateContext;
import io.nbdmirror.nbd.export.AllocationContext;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.metrics.RequestTotals;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.assembly.Assembly;
import io.nbdmirror.raid.assembly.AssemblyException;
import io.nbdmirror.raid.assembly.BitmapFile;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * An array that is assembled and can be started or, as long as it is not, be given up with nothing
 * written.
 *
 * @param loop the loop it lives on
 * @param exports the names it is served under, its own first
 */
record ArrayStart(
    ServedArray array,
    ArrayOptions options,
    Mirror mirror,
    Scheduler loop,
    List<Export> exports,
    RequestTotals totals) {
  ArrayStart {
    exports = List.copyOf(exports);
  }

  /**
   * Assembles it. Blocks, so it must not be called on a loop.
   *
   * @param devices opened on {@code loop}; the array's own from now on, closed if this fails
   * @param bitmapFile as the devices; null when the bitmap is not in a file
   * @param readOnlyNames further exports of it, for reading only
   * @throws StartException with assembly's sentence
   */
  static ArrayStart assemble(
      ArrayPlan plan,
      ArrayOptions options,
      List<BlockDevice> devices,
      @Nullable HeldFile bitmapFile,
      List<String> readOnlyNames,
      boolean readOnly,
      Alerts alerts,
      Scheduler loop)
      throws StartException, InterruptedException {
    CompletableFuture<Mirror> assembled = new CompletableFuture<>();
    loop.execute(() ->
        Assembly.assemble(
            devices,
            bitmapFile == null ? null : new BitmapFile(bitmapFile, bitmapFile.isRaw()),
            options.degraded(),
            readOnly,
            loop,
            (mirror, failure) -> {
              if (mirror != null) {
                mirror.onEvent(alerts.of(plan.name()));
                mirror.setMemberTimeoutNanos(options.memberTimeout().toNanos());
                mirror.setCleanDelayNanos(options.cleanDelay().toNanos());
                mirror.setSyncSpeed(options.speedMin(), options.speedMax());
                assembled.complete(mirror);
              } else {
                devices.forEach(BlockDevice::close);
                if (bitmapFile != null) {
                  bitmapFile.close();
                }
                assembled.completeExceptionally(
                    failure != null ? failure : new IllegalStateException("neither"));
              }
            }));
    try {
      return of(plan.name(), readOnlyNames, options, assembled.get(), readOnly, loop);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof AssemblyException failure) {
        throw new StartException(failure);
      }
      throw new IllegalStateException("assembly of array " + plan.name() + " broke down", e);
    }
  }

  private static ArrayStart of(
      String name,
      List<String> readOnlyNames,
      ArrayOptions options,
      Mirror mirror,
      boolean readOnly,
      Scheduler loop) {
    List<Export> exports = new ArrayList<>();
    exports.add(export(name, "array " + mirror.uuid(), mirror, readOnly, loop));
    for (String further : readOnlyNames) {
      exports.add(
          export(further, "array " + mirror.uuid() + ", for reading only", mirror, true, loop));
    }
    return new ArrayStart(
        ServedArray.of(name, mirror, loop),
        options,
        mirror,
        loop,
        exports,
        new RequestTotals(name));
  }

  private static Export export(
      String name, String description, Mirror mirror, boolean readOnly, Scheduler loop) {
    return new Export(
        name,
        description,
        mirror,
        loop,
        readOnly,
        Export.DEFAULT_PREFERRED_BLOCK_BYTES,
        List.of(
            new AllocationContext(mirror),
            new BitmapContext(mirror::bitmap),
            new StateContext(mirror::bitmap, () -> mirror.status().mismatches())));
  }

  /** From now on members are written to. Any thread. */
  void start() {
    loop.execute(mirror::start);
  }

  /** Closes the members of an array that has not been started. Any thread. */
  void giveUp() {
    loop.execute(mirror::close);
  }
}
