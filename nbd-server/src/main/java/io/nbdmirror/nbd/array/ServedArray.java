package io.nbdmirror.nbd.array;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapSurvey;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
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

    /** Leaves a member out, as if it had failed. */
    void failMember(String path, Completion done);

    /** Lets a faulty member or a spare go. */
    void removeMember(String path, Completion done);

    /** Takes in a spare, which is rebuilt at once when a slot is free. */
    void addMember(BlockDevice device, Completion done);

    /** Takes a former member back, and copies to it only what the bitmap marks. */
    void reAddMember(BlockDevice device, Completion done);

    /** Copies a member to a new one, which takes its place when it has everything. */
    void replaceMember(String oldPath, BlockDevice device, Completion done);

    void setWriteMostly(String path, boolean writeMostly, Completion done);

    /** Sets how many members the complete array has. */
    void setSlots(int raidDevices, Completion done);

    /** Begins to compare the members; {@code begun} is told when it has begun. */
    void check(Completion begun);

    /**
     * Begins to make the members the same.
     *
     * @param fromPath the member that is right; null for the one that resync would take
     */
    void repair(@Nullable String fromPath, Completion begun);

    /** Stops the check or repair that runs. */
    void idle(Completion stopped);

    /** How fast resync, recovery, check and repair are, in bytes of the array a second. */
    void setSyncSpeed(long minBytesPerSecond, long maxBytesPerSecond);

    /** Gives it another size; see {@link Mirror#grow}. */
    void grow(long sizeBytes, boolean force, Completion done);

    void stop(Completion done);
  }

  /** Asks the engine for a change; {@code done} is told when it is made, or why it is not. */
  @FunctionalInterface
  public interface Change {
    void ask(Engine engine, Completion done);
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
    public void failMember(String path, Completion done) {
      mirror.membership().fail(path, done);
    }

    @Override
    public void removeMember(String path, Completion done) {
      mirror.membership().remove(path, done);
    }

    @Override
    public void addMember(BlockDevice device, Completion done) {
      mirror.membership().add(device, done);
    }

    @Override
    public void reAddMember(BlockDevice device, Completion done) {
      mirror.membership().reAdd(device, done);
    }

    @Override
    public void replaceMember(String oldPath, BlockDevice device, Completion done) {
      mirror.membership().replace(oldPath, device, done);
    }

    @Override
    public void setWriteMostly(String path, boolean writeMostly, Completion done) {
      mirror.membership().setWriteMostly(path, writeMostly, done);
    }

    @Override
    public void setSlots(int raidDevices, Completion done) {
      mirror.membership().setSlots(raidDevices, done);
    }

    @Override
    public void check(Completion begun) {
      mirror.check(begun);
    }

    @Override
    public void repair(@Nullable String fromPath, Completion begun) {
      mirror.repair(fromPath, begun);
    }

    @Override
    public void idle(Completion stopped) {
      mirror.idle(stopped);
    }

    @Override
    public void setSyncSpeed(long minBytesPerSecond, long maxBytesPerSecond) {
      mirror.setSyncSpeed(minBytesPerSecond, maxBytesPerSecond);
    }

    @Override
    public void grow(long sizeBytes, boolean force, Completion done) {
      mirror.grow(sizeBytes, force, done);
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
    execute(stopped, () -> engine.stop(failure -> complete(stopped, failure)));
    return stopped;
  }

  /**
   * Has something about the array changed while it runs.
   *
   * @return the array's name when it is done; fails with a {@link io.nbdmirror.io.DeviceException}
   *     that says why it is not
   */
  public CompletableFuture<String> change(Change change) {
    CompletableFuture<String> changed = new CompletableFuture<>();
    execute(changed, () -> change.ask(engine, failure -> complete(changed, failure)));
    return changed;
  }

  private void complete(CompletableFuture<String> answer, @Nullable DeviceException failure) {
    if (failure == null) {
      answer.complete(name);
    } else {
      answer.completeExceptionally(failure);
    }
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
