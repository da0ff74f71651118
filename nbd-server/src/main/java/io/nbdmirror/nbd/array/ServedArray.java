package io.nbdmirror.nbd.array;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapSurvey;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.status.ArrayCounters;
import io.nbdmirror.raid.status.ArrayDetail;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * An array that is being served. Any thread may ask; the question is put on the array's loop and
 * the future completes there, so nothing that blocks may hang on it without an executor of its own.
 */
public final class ServedArray {
  /** What is asked of an array, always on its loop: a {@link Mirror}, or a stand-in for one. */
  public interface Engine {
    ArrayStatus status();

    ArrayDetail detail();

    ArrayCounters counters();

    WriteIntentBitmap bitmap();

    void stop(Completion done);
  }

  /** Dirty chunks looked at in one turn of the loop: about a millisecond. */
  private static final int SURVEY_STEPS = 1 << 17;

  private final String name;
  private final String storedName;
  private final UUID uuid;
  private final Scheduler loop;
  private final Engine engine;
  private final AtomicReference<@Nullable CompletableFuture<String>> stopping =
      new AtomicReference<>();

  /**
   * @param name the export's name
   * @param storedName as the members' superblocks have it, possibly with a host in front
   * @param loop the loop that {@code engine} belongs to
   */
  public ServedArray(String name, String storedName, UUID uuid, Scheduler loop, Engine engine) {
    this.name = name;
    this.storedName = storedName;
    this.uuid = uuid;
    this.loop = loop;
    this.engine = engine;
  }

  /** A mirror, seen from other threads; called on any. */
  public static ServedArray of(String name, Mirror mirror, Scheduler loop) {
    return new ServedArray(name, mirror.name(), mirror.uuid(), loop, new MirrorEngine(mirror));
  }

  private record MirrorEngine(Mirror mirror) implements Engine {
    @Override
    public ArrayStatus status() {
      return mirror.status();
    }

    @Override
    public ArrayDetail detail() {
      return mirror.detail();
    }

    @Override
    public ArrayCounters counters() {
      return mirror.counters();
    }

    @Override
    public WriteIntentBitmap bitmap() {
      return mirror.bitmap();
    }

    @Override
    public void stop(Completion done) {
      mirror.stop(done);
    }
  }

  /** The array's name as its export has it. */
  public String name() {
    return name;
  }

  public UUID uuid() {
    return uuid;
  }

  /** Whether people mean this array when they say {@code nameOrUuid}. */
  public boolean isCalled(String nameOrUuid) {
    return name.equals(nameOrUuid)
        || storedName.equals(nameOrUuid)
        || ArrayUuid.parse(nameOrUuid).stream().anyMatch(uuid::equals);
  }

  public CompletableFuture<ArraySnapshot> snapshot() {
    return onLoop(() -> new ArraySnapshot(name, engine.status(), engine.counters()));
  }

  public CompletableFuture<ArrayDetail> detail() {
    return onLoop(engine::detail);
  }

  /** Looks through the bitmap, in steps short enough that requests get their turn. */
  public CompletableFuture<ArrayBitmapDocument> bitmap() {
    CompletableFuture<ArrayBitmapDocument> answer = new CompletableFuture<>();
    execute(
        answer,
        () -> {
          WriteIntentBitmap bitmap = engine.bitmap();
          survey(bitmap, new BitmapSurvey(bitmap.geometry(), BitmapDocument.MAX_RANGES), answer);
        });
    return answer;
  }

  private void survey(
      WriteIntentBitmap bitmap,
      BitmapSurvey survey,
      CompletableFuture<ArrayBitmapDocument> answer) {
    if (!survey.goOn(bitmap, SURVEY_STEPS)) {
      execute(answer, () -> survey(bitmap, survey, answer));
      return;
    }
    int chunks = bitmap.geometry().chunks();
    answer.complete(
        new ArrayBitmapDocument(
            name,
            engine.status().bitmap().kind(),
            BitmapDocument.of(bitmap.superblock(), survey, chunks, chunks, survey.dirtyChunks())));
  }

  /**
   * Stops the array cleanly. Asking again gives the same answer.
   *
   * @return the array's name once it is stopped; fails with a {@link
   *     io.nbdmirror.io.DeviceException} when the array could not be left clean
   */
  public CompletableFuture<String> stop() {
    CompletableFuture<String> stopped = new CompletableFuture<>();
    CompletableFuture<String> earlier = stopping.compareAndExchange(null, stopped);
    if (earlier != null) {
      return earlier;
    }
    execute(
        stopped,
        () ->
            engine.stop(failure -> {
              if (failure == null) {
                stopped.complete(name);
              } else {
                stopped.completeExceptionally(failure);
              }
            }));
    return stopped;
  }

  private <T> CompletableFuture<T> onLoop(Supplier<T> question) {
    CompletableFuture<T> answer = new CompletableFuture<>();
    execute(answer, () -> answer.complete(question.get()));
    return answer;
  }

  private void execute(CompletableFuture<?> answer, Runnable task) {
    try {
      loop.execute(() -> {
        try {
          task.run();
        } catch (RuntimeException e) {
          answer.completeExceptionally(e);
        }
      });
    } catch (RejectedExecutionException e) {
      answer.completeExceptionally(e);
    }
  }
}
