package io.nbdmirror.nbd.cli;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.io.engine.PoolEngine;
import io.nbdmirror.io.file.Access;
import io.nbdmirror.io.file.FileDevice;
import io.nbdmirror.io.loop.EventLoopScheduler;
import io.nbdmirror.raid.creation.CreationException;
import io.netty.channel.DefaultEventLoop;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Members opened exclusively, on a loop of their own, for as long as one command runs. Used from
 * the command's thread, which waits.
 */
final class OpenMembers implements AutoCloseable {
  private static final int FILE_TYPE = 0xf000;
  private static final int BLOCK_SPECIAL = 0x6000;

  private final DefaultEventLoop eventLoop = new DefaultEventLoop();
  private final Scheduler loop = new EventLoopScheduler(eventLoop);
  private final Map<String, BlockDevice> devices = new LinkedHashMap<>();

  private OpenMembers() {}

  /** Opens all of them or none; refuses two names of one file, and what is in use. */
  static OpenMembers open(List<String> paths) throws IOException, CommandException {
    requireDistinct(paths);
    OpenMembers members = new OpenMembers();
    try {
      for (String path : paths) {
        members.devices.put(
            path, FileDevice.open(path, Access.EXCLUSIVE, false, members.loop, new PoolEngine()));
      }
      return members;
    } catch (IOException | RuntimeException e) {
      members.close();
      throw e;
    }
  }

  /** The member opened by this name. */
  BlockDevice device(String path) {
    return Objects.requireNonNull(devices.get(path), path);
  }

  long wallClockMicros() {
    return loop.wallClockMicros();
  }

  /** Runs {@code request} on the members' loop and waits until it has completed its future. */
  <T> T await(Consumer<CompletableFuture<T>> request)
      throws IOException, CommandException, InterruptedException {
    CompletableFuture<T> answer = new CompletableFuture<>();
    loop.execute(() -> {
      try {
        request.accept(answer);
      } catch (RuntimeException e) {
        answer.completeExceptionally(e);
      }
    });
    try {
      return answer.get();
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case IOException failure -> throw failure;
        case CreationException refusal ->
            throw new CommandException(String.valueOf(refusal.getMessage()));
        case null, default -> throw new IllegalStateException(e);
      }
    }
  }

  @Override
  public void close() {
    eventLoop.submit(() -> devices.values().forEach(BlockDevice::close)).syncUninterruptibly();
    eventLoop.shutdownGracefully(0, 0, TimeUnit.SECONDS).syncUninterruptibly();
  }

  private static void requireDistinct(List<String> paths) throws IOException, CommandException {
    Map<List<Object>, String> seen = new HashMap<>();
    for (String path : paths) {
      if (!Files.exists(Path.of(path))) {
        continue; // opening it says so better
      }
      String other = seen.putIfAbsent(identity(Path.of(path)), path);
      if (other != null) {
        throw new CommandException(
            other.equals(path)
                ? path + " is given twice: each member takes a file of its own"
                : "%s and %s are the same file: each member takes one of its own"
                    .formatted(other, path));
      }
    }
  }

  /** What tells files apart; for a block device its number, as it may have several nodes. */
  private static List<Object> identity(Path path) throws IOException {
    Map<String, Object> unix = Files.readAttributes(path, "unix:mode,dev,ino,rdev");
    boolean blockSpecial =
        unix.get("mode") instanceof Integer mode && (mode & FILE_TYPE) == BLOCK_SPECIAL;
    return blockSpecial
        ? List.of("device", unix.get("rdev"))
        : List.of("file", unix.get("dev"), unix.get("ino"));
  }
}
