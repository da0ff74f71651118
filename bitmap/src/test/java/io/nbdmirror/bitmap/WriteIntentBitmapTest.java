package io.nbdmirror.bitmap;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.bitmap.clearing.ClearingDaemon;
import io.nbdmirror.bitmap.counters.ChunkCounters;
import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.bitmap.storage.StoredCopies;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Latency;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The bitmap over two simulated copies, with a test in the place of the array. */
class WriteIntentBitmapTest {
  private static final int CHUNK = 4096;
  private static final BitmapGeometry GEOMETRY = new BitmapGeometry(1L << 30, CHUNK);

  private final SimulatedScheduler scheduler = new SimulatedScheduler(1);
  private final List<SimulatedDevice> copies =
      List.of(
          new SimulatedDevice(
              SimulatedDisk.of("a", 1 << 20).withLatency(Latency.LATER), scheduler, 1),
          new SimulatedDevice(
              SimulatedDisk.of("b", 1 << 20).withLatency(Latency.LATER), scheduler, 2));
  private final Owner owner = new Owner();
  private final WriteIntentBitmap bitmap = newBitmap();

  private WriteIntentBitmap newBitmap() {
    WriteIntentBitmap created =
        new WriteIntentBitmap(
            new BitmapPages(GEOMETRY),
            new StoredCopies(
                GEOMETRY,
                copies.stream().map(d -> new StoredCopies.Copy(d, 8192)).toList(),
                (device, failure) -> owner.copyFailures.add(device.path())),
            owner,
            scheduler,
            false);
    created.commits().commit((Completion) ignored -> {});
    scheduler.runUntilIdle();
    return created;
  }

  @Test
  void aWriteGoesOnWhenItsBitIsDurableOnEveryCopy() {
    Write write = new Write(7L * CHUNK, 8L * CHUNK);
    assertThat(bitmap.startWrite(write)).isFalse();
    scheduler.runUntil(() -> write.wentOn > 0);
    for (SimulatedDevice copy : copies) {
      assertThat(copy.readDurable(8192, 4096)[256]).as("I1").isEqualTo((byte) 0x80);
    }
  }

  @Test
  void aWriteToADurableChunkGoesStraightOnWithoutAnyWrite() {
    run(new Write(0, CHUNK));
    int requests = copies.getFirst().trace().size();
    assertThat(bitmap.startWrite(new Write(100, 200))).isTrue();
    scheduler.runUntilIdle();
    assertThat(copies.getFirst().trace()).hasSize(requests);
  }

  @Test
  void oneCommitServesAllWhoAskInTheSameTurn() {
    long before = bitmap.commits().commits();
    List<Write> writes = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      Write write = new Write(i * 1000L * CHUNK, i * 1000L * CHUNK + 1);
      writes.add(write);
      bitmap.startWrite(write);
    }
    scheduler.runUntilIdle();
    assertThat(writes).allMatch(write -> write.wentOn == 1);
    assertThat(bitmap.commits().commits() - before).isEqualTo(1);
  }

  @Test
  void aWriteToAChunkWhoseBitIsOnItsWayWaitsForThatCommitOnly() {
    Write first = new Write(0, 1);
    bitmap.startWrite(first);
    scheduler.runUntil(() -> !copies.getFirst().trace().isEmpty() && inFlight());
    long commits = bitmap.commits().commits();
    Write second = new Write(1, 2);
    assertThat(bitmap.startWrite(second)).isFalse();
    scheduler.runUntilIdle();
    assertThat(second.wentOn).isEqualTo(1);
    assertThat(bitmap.commits().commits()).isEqualTo(commits);
  }

  @Test
  void theLastPageIsCutToItsOwnBlocks() {
    run(new Write(GEOMETRY.sizeBytes() - 1, GEOMETRY.sizeBytes()));
    DeviceEvent last = copies.getFirst().trace().getLast();
    assertThat(last.offsetBytes()).isEqualTo(8192 + 8 * 4096);
    assertThat(last.lengthBytes()).isEqualTo(512);
    assertThat(last.fua()).as("I12").isTrue();
  }

  @Test
  void aBitIsClearedTwoPassesAfterItsLastWriteAndNotBefore() {
    run(new Write(0, 1));
    ClearingDaemon daemon = new ClearingDaemon(bitmap, owner, scheduler);
    pass(daemon);
    assertThat(bitmap.dirtyChunks()).isEqualTo(1);
    pass(daemon);
    assertThat(bitmap.dirtyChunks()).isZero();
    assertThat(copies.getFirst().readDurable(8192, 4096)[256]).isZero();
  }

  @Test
  void clearingFlushesThenPersistsEventsClearedThenClears() {
    run(new Write(0, 1));
    ClearingDaemon daemon = new ClearingDaemon(bitmap, owner, scheduler);
    pass(daemon);
    List<String> order = new ArrayList<>();
    owner.onFlush = () -> order.add("flush");
    copies
        .getFirst()
        .listen((device, event) -> {
          if (event.is(DeviceEvent.Phase.COMPLETED, Operation.WRITE)) {
            byte[] page = device.readDurable(8192, 4096);
            order.add("events_cleared " + page[32] + ", bits " + page[256]);
          }
        });
    owner.events = 9;
    pass(daemon);
    assertThat(order)
        .as("I2")
        .containsExactly("flush", "events_cleared 9, bits 1", "events_cleared 9, bits 0");
  }

  @Test
  void aChunkTouchedDuringTheFlushKeepsItsBit() {
    run(new Write(0, 1));
    ClearingDaemon daemon = new ClearingDaemon(bitmap, owner, scheduler);
    pass(daemon);
    owner.onFlush = () -> assertThat(bitmap.startWrite(new Write(0, 1))).isTrue();
    pass(daemon);
    assertThat(bitmap.pages().isSet(0)).as("I2").isTrue();
  }

  @Test
  void nothingIsClearedWhenAMemberFailsOnTheWay() {
    run(new Write(0, 1));
    ClearingDaemon daemon = new ClearingDaemon(bitmap, owner, scheduler);
    pass(daemon);
    owner.onFlush = () -> owner.mayClear = false;
    pass(daemon);
    pass(daemon);
    assertThat(bitmap.dirtyChunks()).as("I5").isEqualTo(1);
  }

  @Test
  void oneFailedCopyIsToldAndTheWriteGoesOn() {
    copies.get(1).inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE));
    run(new Write(0, 1));
    assertThat(owner.copyFailures).containsExactly("b");
    assertThat(owner.bitmapFailures).isEmpty();
  }

  @Test
  void whenEveryCopyFailsTheOwnerIsToldBeforeTheWriteGoesOn() {
    copies.forEach(c -> c.inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE)));
    Write write = new Write(0, 1);
    write.onGo = () -> assertThat(owner.bitmapFailures).as("I6").hasSize(1);
    run(write);
    assertThat(bitmap.commits().failure()).isNotNull();
    int requests = copies.getFirst().trace().size();
    run(new Write(50L * CHUNK, 51L * CHUNK));
    assertThat(copies.getFirst().trace()).as("nothing more is written").hasSize(requests);
  }

  @Test
  void aFullCounterMakesTheWriterWaitUntilItHasHalved() {
    run(new Write(0, 1));
    Write inFlight = new Write(0, 1);
    for (int i = 0; i < ChunkCounters.MAX_WRITES; i++) {
      assertThat(bitmap.startWrite(inFlight)).isTrue();
    }
    Write waiting = new Write(0, CHUNK + 1);
    assertThat(bitmap.startWrite(waiting)).isFalse();
    for (int i = 0; i < ChunkCounters.MAX_WRITES / 2; i++) {
      bitmap.endWrite(inFlight, true);
      assertThat(waiting.wentOn).isZero();
    }
    Write late = new Write(0, 1);
    assertThat(bitmap.startWrite(late)).as("it must not overtake").isFalse();
    scheduler.runUntilIdle();
    assertThat(waiting.wentOn).isZero();
    bitmap.endWrite(inFlight, true);
    scheduler.runUntilIdle();
    assertThat(waiting.wentOn).isEqualTo(1);
    assertThat(late.wentOn).isEqualTo(1);
  }

  @Test
  void aCommitWaitsForThoseThatTheLastOneLetGo() {
    List<Write> group = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      group.add(new Write(i * 1000L * CHUNK, i * 1000L * CHUNK + 1));
    }
    group.forEach(bitmap::startWrite);
    scheduler.runUntil(() -> group.stream().allMatch(write -> write.wentOn == 1));
    long commits = bitmap.commits().commits();
    for (int i = 0; i < 9; i++) {
      bitmap.startWrite(new Write((i * 1000L + 7) * CHUNK, (i * 1000L + 8) * CHUNK));
      scheduler.runUntilIdle();
      assertThat(bitmap.commits().commits()).as("after %d writes", i + 1).isEqualTo(commits);
    }
    Write last = new Write(9007L * CHUNK, 9008L * CHUNK);
    bitmap.startWrite(last);
    scheduler.runUntilIdle();
    assertThat(last.wentOn).isEqualTo(1);
    assertThat(bitmap.commits().commits()).isEqualTo(commits + 1);
  }

  @Test
  void whoDoesNotComeBackIsNotWaitedForLong() {
    List<Write> group = List.of(new Write(0, 1), new Write(1000L * CHUNK, 1000L * CHUNK + 1));
    group.forEach(bitmap::startWrite);
    scheduler.runUntil(() -> group.stream().allMatch(write -> write.wentOn == 1));
    Write alone = new Write(7L * CHUNK, 8L * CHUNK);
    bitmap.startWrite(alone);
    scheduler.runUntilIdle();
    assertThat(alone.wentOn).isZero();
    scheduler.advance(5_000_000);
    scheduler.runUntilIdle();
    assertThat(alone.wentOn).isEqualTo(1);
  }

  @Test
  void onePassFlushesMembersOnceHoweverManyPagesItClears() {
    for (int i = 0; i < 200; i++) {
      run(new Write(i * 1000L * CHUNK, i * 1000L * CHUNK + 1));
    }
    ClearingDaemon daemon = new ClearingDaemon(bitmap, owner, scheduler);
    pass(daemon);
    int[] flushes = new int[1];
    owner.onFlush = () -> flushes[0]++;
    pass(daemon);
    assertThat(bitmap.dirtyChunks()).isZero();
    assertThat(flushes[0]).isEqualTo(1);
    pass(daemon);
    assertThat(flushes[0]).as("nothing to clear, nothing to flush").isEqualTo(1);
  }

  @Test
  void aWriteDoesNotWaitForPagesThatAreClearedMeanwhile() {
    for (int i = 0; i < 260; i++) {
      run(new Write(i * 1000L * CHUNK, i * 1000L * CHUNK + 1));
    }
    ClearingDaemon daemon = new ClearingDaemon(bitmap, owner, scheduler);
    pass(daemon);
    daemon.pass(false, () -> {});
    scheduler.runUntil(() -> bitmap.dirtyChunks() == 0 && !bitmap.pages().noneInFlight());
    Write write = new Write(CHUNK, CHUNK + 1);
    long pagesBefore = bitmap.commits().pagesWritten();
    assertThat(bitmap.startWrite(write)).isFalse();
    scheduler.runUntil(() -> write.wentOn > 0);
    // Those under way when it began, its own, and one beside it.
    assertThat(bitmap.commits().pagesWritten() - pagesBefore).isLessThanOrEqualTo(6);
    assertThat(copies.getFirst().readDurable(8192, 4096)[256]).as("I1").isEqualTo((byte) 2);
    scheduler.runUntilIdle();
    assertThat(daemon.isRunning()).isFalse();
    assertThat(copies.getFirst().readDurable(8192, 4096)[256]).as("I1").isEqualTo((byte) 2);
  }

  @Test
  void aBitSetWhileItsPageIsWrittenAtLeisureIsWrittenByTheCommit() {
    run(new Write(0, 1));
    ClearingDaemon daemon = new ClearingDaemon(bitmap, owner, scheduler);
    pass(daemon);
    daemon.pass(false, () -> {});
    scheduler.runUntil(() -> bitmap.pages().isInFlight(0) && bitmap.dirtyChunks() == 0);
    Write write = new Write(0, 1);
    assertThat(bitmap.startWrite(write)).as("its clearing is in flight (I1)").isFalse();
    scheduler.runUntil(() -> write.wentOn > 0);
    for (SimulatedDevice copy : copies) {
      assertThat(copy.readDurable(8192, 4096)[256]).as("I1").isEqualTo((byte) 1);
    }
  }

  private boolean inFlight() {
    return copies.getFirst().trace().getLast().phase() == DeviceEvent.Phase.SUBMITTED;
  }

  private void pass(ClearingDaemon daemon) {
    boolean[] done = new boolean[1];
    daemon.pass(false, () -> done[0] = true);
    scheduler.runUntilIdle();
    assertThat(done[0]).isTrue();
  }

  private void run(Write write) {
    if (!bitmap.startWrite(write)) {
      scheduler.runUntilIdle();
      assertThat(write.wentOn).isEqualTo(1);
    }
    bitmap.endWrite(write, true);
  }

  private static final class Write implements BitmapWrite {
    private final long start;
    private final long end;
    private int wentOn;
    private Runnable onGo = () -> {};

    Write(long start, long end) {
      this.start = start;
      this.end = end;
    }

    @Override
    public long startBytes() {
      return start;
    }

    @Override
    public long endBytes() {
      return end;
    }

    @Override
    public void bitsDurable() {
      wentOn++;
      onGo.run();
    }
  }

  private static final class Owner implements BitmapOwner {
    private final List<String> copyFailures = new ArrayList<>();
    private final List<DeviceException> bitmapFailures = new ArrayList<>();
    private Runnable onFlush = () -> {};
    private boolean mayClear = true;
    private long events;

    @Override
    public boolean mayClear() {
      return mayClear;
    }

    @Override
    public void flushMembers(Completion done) {
      onFlush.run();
      done.completed(null);
    }

    @Override
    public long events() {
      return events;
    }

    @Override
    public void bitmapFailed(DeviceException failure) {
      bitmapFailures.add(failure);
    }
  }

  /** The offset at which the superblock holds events_cleared, as the format has it. */
  @Test
  void eventsClearedLiesWhereTheseTestsLookForIt() {
    BitmapSuperblock superblock = bitmap.superblock();
    superblock.setEventsCleared(3);
    assertThat(bitmap.pages().startWrite(0).getByte(32)).isEqualTo((byte) 3);
  }
}
