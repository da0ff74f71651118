package io.nbdmirror.nbd.serve;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.io.engine.IoEngine;
import io.nbdmirror.io.held.HeldFile;
import io.nbdmirror.io.held.Writing;
import io.nbdmirror.raid.BitmapTarget;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.assembly.BitmapFile;
import io.nbdmirror.raid.bitmap.NewBitmap;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files that running arrays keep their bitmaps in: opened, looked after, exchanged, and waited
 * for when they are given back. All that blocks is done by one thread of its own; any thread may
 * call.
 */
final class BitmapKeeper implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(BitmapKeeper.class);

  /** Well within the 45 seconds after which Linux takes a lease away that somebody contests. */
  private static final Duration CHECK_PERIOD = Duration.ofSeconds(5);

  private static final Duration RELEASE_PATIENCE = Duration.ofSeconds(30);

  private record Kept(HeldFile file, Mirror mirror, Scheduler loop) {}

  private final IoEngine engine;
  private final Map<HeldFile, Kept> kept = new ConcurrentHashMap<>();
  private final Set<HeldFile> opened = ConcurrentHashMap.newKeySet();
  private final ScheduledExecutorService thread =
      Executors.newSingleThreadScheduledExecutor(task -> {
        Thread made = new Thread(task, "bitmap-files");
        made.setDaemon(true);
        return made;
      });

  BitmapKeeper(IoEngine engine) {
    this.engine = engine;
    long millis = CHECK_PERIOD.toMillis();
    var _ = thread.scheduleWithFixedDelay(this::checkAll, millis, millis, TimeUnit.MILLISECONDS);
  }

  /**
   * Opens an array's bitmap file. Blocks.
   *
   * @throws StartException with the sentence why not
   */
  HeldFile open(String path, Writing writing, boolean readOnly, Scheduler loop, String array)
      throws StartException {
    try {
      HeldFile file =
          readOnly
              ? HeldFile.openReadOnly(path, loop, engine)
              : HeldFile.open(path, writing, loop, engine);
      log.info("array {}: bitmap file {}, {}", array, path, file.howWritten());
      return file;
    } catch (DeviceException e) {
      throw new StartException(e);
    }
  }

  /** The end of the process waits until this file is given back, whatever becomes of its array. */
  void awaitAtEnd(HeldFile file) {
    opened.add(file);
  }

  /** From now on the file is looked after, until the mirror gives it back. */
  void keep(HeldFile file, Mirror mirror, Scheduler loop) {
    kept.put(file, new Kept(file, mirror, loop));
  }

  /**
   * Moves an array's bitmap, or gives it one, while it runs.
   *
   * @param location "internal", or the path of a file that does not exist yet
   * @param chunkBytes 0 for the usual
   * @return where it is kept now, for people; fails with a {@link DeviceException}
   */
  CompletableFuture<String> add(
      Mirror mirror, Scheduler loop, String location, long chunkBytes, Writing writing) {
    return onThread(() -> {
      if (location.equals("internal")) {
        change(mirror, loop, BitmapTarget.onMembers(chunkBytes));
        return "on the members";
      }
      return addFile(mirror, loop, location, chunkBytes, writing);
    });
  }

  /** Takes an array's bitmap away while it runs; fails with a {@link DeviceException}. */
  CompletableFuture<String> remove(Mirror mirror, Scheduler loop) {
    return onThread(() -> {
      change(mirror, loop, BitmapTarget.NONE);
      return "none";
    });
  }

  private String addFile(
      Mirror mirror, Scheduler loop, String path, long chunkBytes, Writing writing)
      throws IOException, InterruptedException {
    NewBitmap layout = askForLayout(mirror, loop, chunkBytes);
    int length = Math.toIntExact(layout.geometry().storedBytes());
    HeldFile.create(path, ByteBuffer.wrap(layout.image(length)), writing);
    HeldFile file = null;
    boolean done = false;
    try {
      file = HeldFile.open(path, writing, loop, engine);
      BitmapFile target = new BitmapFile(file, file.isRaw());
      change(mirror, loop, BitmapTarget.inFile(target, layout.chunkBytes()));
      awaitAtEnd(file);
      keep(file, mirror, loop);
      done = true;
      log.info("array {}: bitmap file {}, {}", mirror.name(), path, file.howWritten());
      return "in %s, %s".formatted(path, file.howWritten());
    } finally {
      if (!done) {
        if (file != null) {
          loop.execute(file::close);
          awaitReleased(file);
        }
        Files.deleteIfExists(Path.of(path));
      }
    }
  }

  /** Before a file is made for nothing. */
  private static NewBitmap askForLayout(Mirror mirror, Scheduler loop, long chunkBytes)
      throws IOException, InterruptedException {
    CompletableFuture<NewBitmap> answer = new CompletableFuture<>();
    loop.execute(() -> {
      long size = mirror.sizeBytes();
      long chunk = chunkBytes == 0 ? NewBitmap.fileChunkBytes(size) : chunkBytes;
      String refusal = mirror.bitmapChangeRefusal();
      if (refusal.isEmpty()) {
        refusal = NewBitmap.chunkProblem(chunk, size, NewBitmap.MIN_CHUNK_BYTES);
      }
      if (refusal.isEmpty()) {
        answer.complete(mirror.bitmapLayout(chunk));
      } else {
        answer.completeExceptionally(new IOException(refusal));
      }
    });
    return get(answer);
  }

  /** Waits for the exchange, and for the old file to be given back. */
  private void change(Mirror mirror, Scheduler loop, BitmapTarget target)
      throws IOException, InterruptedException {
    CompletableFuture<Boolean> answer = new CompletableFuture<>();
    loop.execute(() ->
        mirror.changeBitmap(
            target,
            failure -> {
              if (failure == null) {
                answer.complete(true);
              } else {
                answer.completeExceptionally(failure);
              }
            }));
    get(answer);
    forget(mirror);
  }

  private void forget(Mirror mirror) throws InterruptedException {
    for (Iterator<Kept> all = kept.values().iterator(); all.hasNext(); ) {
      Kept each = all.next();
      if (each.mirror() == mirror) {
        all.remove();
        opened.remove(each.file());
        awaitReleased(each.file());
      }
    }
  }

  private void checkAll() {
    for (Kept each : List.copyOf(kept.values())) {
      String path = each.file().path();
      String array = each.mirror().name();
      try {
        String warning = each.file().check();
        if (warning != null) {
          log.error("array {}: {}; all of the bitmap is written again", array, warning);
          each.loop().execute(each.mirror()::bitmapDisturbed);
        }
      } catch (DeviceException e) {
        kept.remove(each.file());
        each.loop().execute(() -> each.mirror().bitmapLost(e));
      } catch (RuntimeException e) {
        log.error("array {}: cannot look after {}", array, path, e);
      }
    }
  }

  private <T> CompletableFuture<T> onThread(Callable<T> task) {
    CompletableFuture<T> answer = new CompletableFuture<>();
    thread.execute(() -> {
      try {
        answer.complete(task.call());
      } catch (Exception e) {
        answer.completeExceptionally(e);
      }
    });
    return answer;
  }

  private static <T> T get(CompletableFuture<T> answer) throws IOException, InterruptedException {
    try {
      return answer.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException failure) {
        throw failure;
      }
      throw new IllegalStateException(e);
    }
  }

  private static void awaitReleased(HeldFile file) throws InterruptedException {
    if (!file.awaitReleased(RELEASE_PATIENCE)) {
      log.warn(
          "{} has not been given back after {} s; once its writes have ended, free it with:"
              + " nbdmirror bitmap release {}",
          file.path(),
          RELEASE_PATIENCE.toSeconds(),
          file.path());
    }
  }

  /** Waits until all files have been given back; their mirrors have been stopped. Blocks. */
  @Override
  public void close() {
    thread.shutdown();
    try {
      thread.awaitTermination(RELEASE_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
      for (HeldFile file : opened) {
        awaitReleased(file);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
