package io.nbdmirror.nbd.cli;

import io.nbdmirror.io.engine.PoolEngine;
import io.nbdmirror.io.file.Access;
import io.nbdmirror.io.file.FileDevice;
import io.nbdmirror.io.loop.EventLoopScheduler;
import io.nbdmirror.raid.superblock.MemberInspection;
import io.nbdmirror.raid.superblock.SuperblockException;
import io.netty.channel.DefaultEventLoop;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * Inspects members, on a loop of its own, without changing them and whoever else uses them. Used
 * from the command's thread, which waits.
 */
final class Inspections implements AutoCloseable {
  private final DefaultEventLoop eventLoop = new DefaultEventLoop();
  private final EventLoopScheduler loop = new EventLoopScheduler(eventLoop);

  /**
   * What md keeps on the file or device at {@code path}.
   *
   * @throws SuperblockException when it has no superblock that could be looked at
   * @throws IOException when it cannot be opened
   */
  MemberInspection inspect(String path)
      throws IOException, SuperblockException, InterruptedException {
    FileDevice device = FileDevice.open(path, Access.READ_ONLY, false, loop, new PoolEngine());
    CompletableFuture<MemberInspection> answer = new CompletableFuture<>();
    try {
      loop.execute(() -> inspect(device, answer));
      return answer.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof SuperblockException refusal) {
        throw refusal;
      }
      throw new IllegalStateException(e);
    } finally {
      eventLoop.submit(device::close).syncUninterruptibly();
    }
  }

  private static void inspect(FileDevice device, CompletableFuture<MemberInspection> answer) {
    try {
      MemberInspection.of(
          device,
          (inspection, failure) -> {
            if (failure != null) {
              answer.completeExceptionally(failure);
            } else {
              answer.complete(inspection);
            }
          });
    } catch (RuntimeException e) {
      answer.completeExceptionally(e);
    }
  }

  @Override
  public void close() {
    eventLoop.shutdownGracefully(0, 0, TimeUnit.SECONDS).syncUninterruptibly();
  }
}
