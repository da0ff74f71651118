package io.nbdmirror.nbd.array;

import io.nbdmirror.bitmap.BitmapOwner;
import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.bitmap.storage.NoStorage;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.status.ArrayCounters;
import io.nbdmirror.raid.status.ArrayDetail;
import io.nbdmirror.raid.status.ArrayStatus;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** An array without disks: always the same answers, on a loop that can be stuck. */
public final class FakeArray implements ServedArray.Engine, Scheduler {
  private final String name;
  private final UUID uuid;
  private final List<Runnable> stuckTasks = new ArrayList<>();
  private final List<String> asked = new ArrayList<>();
  private @Nullable DeviceException refusal;
  private ArrayStatus.State state = ArrayStatus.State.DEGRADED;
  private ArrayStatus.SyncAction action = ArrayStatus.SyncAction.RESYNC;
  private boolean stuck;
  private @Nullable DeviceException stopFailure;
  private int stops;

  public FakeArray(String name) {
    this.name = name;
    this.uuid = UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8));
  }

  public ServedArray served() {
    return new ServedArray(name, "host:" + name, uuid, this, this);
  }

  /** From now on the loop does nothing. */
  public FakeArray stuck() {
    stuck = true;
    return this;
  }

  /** Stopping ends with this. */
  public FakeArray failingToStop(DeviceException failure) {
    stopFailure = failure;
    return this;
  }

  public int stops() {
    return stops;
  }

  public UUID uuid() {
    return uuid;
  }

  @Override
  public ArrayStatus status() {
    return new ArrayStatus(
        name,
        uuid.toString(),
        64L << 20,
        state,
        List.of(
            new ArrayStatus.Member("/m/\"0\"", 0, ArrayStatus.Role.IN_SYNC, false, 1, 2, 3),
            new ArrayStatus.Member("", 1, ArrayStatus.Role.MISSING, false, 0, 0, 0)),
        new ArrayStatus.Bitmap(ArrayStatus.BitmapKind.INTERNAL, 65536, 1024, 5),
        new ArrayStatus.Sync(action, 32L << 20, 64L << 20, 4096, 1000, -1),
        List.of(),
        0);
  }

  @Override
  public WriteIntentBitmap bitmap() {
    BitmapPages pages = new BitmapPages(new BitmapGeometry(64L << 20, 65536));
    pages.superblock().setChunksize(65536);
    pages.superblock().setDaemonSleep(5);
    pages.superblock().setEvents(17);
    pages.set(3);
    pages.set(4);
    pages.set(1023);
    WriteIntentBitmap bitmap =
        new WriteIntentBitmap(pages, new NoStorage(), new NoOwner(), this, false);
    bitmap.counters().markNeeded(4);
    return bitmap;
  }

  /** Nobody whom the bitmap could ask. */
  private static final class NoOwner implements BitmapOwner {
    @Override
    public boolean mayClear() {
      return false;
    }

    @Override
    public void flushMembers(Completion done) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long events() {
      return 0;
    }

    @Override
    public void bitmapFailed(DeviceException failure) {
      throw new UnsupportedOperationException(failure);
    }
  }

  @Override
  public ArrayDetail detail() {
    return new ArrayDetail(
        status(),
        "1.2",
        1_700_000_000_000_000L,
        1_700_000_001_000_000L,
        17,
        15,
        List.of(
            new ArrayDetail.MemberDetail(
                "/m/\"0\"", 0, "00000000-0000-0000-0000-000000000001", 1 << 20, 3),
            new ArrayDetail.MemberDetail("", 1, "", 0, 0)));
  }

  @Override
  public ArrayCounters counters() {
    return new ArrayCounters(7, 6, 4096, 5, 1, 3);
  }

  /** What was asked of it, a line each. */
  public List<String> asked() {
    return asked;
  }

  /** From now on every change ends with this. */
  public FakeArray refusing(DeviceException failure) {
    refusal = failure;
    return this;
  }

  private void change(Completion done, String what) {
    asked.add(what);
    done.completed(refusal);
  }

  @Override
  public void failMember(String path, Completion done) {
    change(done, "fail " + path);
  }

  @Override
  public void removeMember(String path, Completion done) {
    change(done, "remove " + path);
  }

  @Override
  public void addMember(BlockDevice device, Completion done) {
    change(done, "add " + device.path());
  }

  @Override
  public void reAddMember(BlockDevice device, Completion done) {
    change(done, "re-add " + device.path());
  }

  @Override
  public void replaceMember(String oldPath, BlockDevice device, Completion done) {
    change(done, "replace " + oldPath + " by " + device.path());
  }

  @Override
  public void setWriteMostly(String path, boolean writeMostly, Completion done) {
    change(done, "write-mostly " + path + " " + writeMostly);
  }

  @Override
  public void setSlots(int raidDevices, Completion done) {
    change(done, "slots " + raidDevices);
  }

  @Override
  public void check(Completion begun) {
    change(begun, "check");
  }

  @Override
  public void repair(@Nullable String fromPath, Completion begun) {
    change(begun, "repair " + fromPath);
  }

  @Override
  public void idle(Completion stopped) {
    change(stopped, "idle");
  }

  @Override
  public void setSyncSpeed(long minBytesPerSecond, long maxBytesPerSecond) {
    asked.add("speed " + minBytesPerSecond + " " + maxBytesPerSecond);
  }

  /** What it is, and what runs in the background, from now on. */
  public FakeArray doing(ArrayStatus.State nextState, ArrayStatus.SyncAction nextAction) {
    state = nextState;
    action = nextAction;
    return this;
  }

  @Override
  public void grow(long sizeBytes, boolean force, Completion done) {
    change(done, "grow " + sizeBytes + " " + force);
  }

  @Override
  public void stop(Completion done) {
    stops++;
    done.completed(stopFailure);
  }

  @Override
  public void execute(Runnable task) {
    if (stuck) {
      stuckTasks.add(task);
    } else {
      task.run();
    }
  }

  @Override
  public boolean inLoop() {
    return true;
  }

  @Override
  public Timer schedule(Runnable task, long delayNanos) {
    throw new UnsupportedOperationException("nobody has anything to schedule here");
  }

  @Override
  public Timer repeat(Runnable task, long periodNanos) {
    throw new UnsupportedOperationException();
  }

  @Override
  public long nanoTime() {
    return 0;
  }

  @Override
  public long wallClockMicros() {
    return 0;
  }
}
