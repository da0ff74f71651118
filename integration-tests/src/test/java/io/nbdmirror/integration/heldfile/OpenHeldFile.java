package io.nbdmirror.integration.heldfile;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.engine.PoolEngine;
import io.nbdmirror.io.held.HeldFile;
import io.nbdmirror.io.held.Writing;
import io.nbdmirror.io.loop.EventLoopScheduler;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.DefaultEventLoop;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A held file on a loop of its own, asked from the test's thread, which waits. */
final class OpenHeldFile implements AutoCloseable {
  private final DefaultEventLoop eventLoop = new DefaultEventLoop();
  private final HeldFile file;

  OpenHeldFile(Path path, Writing writing) throws DeviceException {
    boolean done = false;
    try {
      file =
          HeldFile.open(
              path.toString(), writing, new EventLoopScheduler(eventLoop), new PoolEngine());
      done = true;
    } finally {
      if (!done) {
        end();
      }
    }
  }

  HeldFile file() {
    return file;
  }

  void write(long offset, byte[] bytes) {
    ByteBuf buffer = Unpooled.directBuffer(bytes.length).writeBytes(bytes);
    await(done ->
        file.write(offset, buffer, 0, bytes.length, true, failure -> complete(done, failure)));
    buffer.release();
  }

  byte[] read(long offset, int length) {
    ByteBuf buffer = Unpooled.directBuffer(length, length);
    await(done -> file.read(offset, buffer, 0, length, failure -> complete(done, failure)));
    byte[] bytes = new byte[length];
    buffer.getBytes(0, bytes);
    buffer.release();
    return bytes;
  }

  private static void complete(CompletableFuture<Boolean> done, @Nullable Throwable failure) {
    if (failure == null) {
      done.complete(true);
    } else {
      done.completeExceptionally(failure);
    }
  }

  private void await(Consumer<CompletableFuture<Boolean>> request) {
    CompletableFuture<Boolean> done = new CompletableFuture<>();
    eventLoop.execute(() -> request.accept(done));
    done.orTimeout(30, TimeUnit.SECONDS).join();
  }

  private void end() {
    eventLoop.shutdownGracefully(0, 0, TimeUnit.SECONDS).syncUninterruptibly();
  }

  @Override
  public void close() {
    eventLoop.submit(file::close).syncUninterruptibly();
    try {
      assertThat(file.awaitReleased(Duration.ofSeconds(30))).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    end();
  }
}
