package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.nbdmirror.raid.assembly.BitmapFile;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The bitmap of a running array is added, removed and moved. */
class BitmapChangeTest {
  private static final int SIZE = 4 << 20;
  private static final int CHUNK = 64 << 10;
  private static final int OTHER_CHUNK = 16 << 10;
  private static final long SECOND = 1_000_000_000L;

  private final TestArray array = new TestArray(3, 2, SIZE, CHUNK);
  private final SimulatedDevice file = array.newBitmapFile("bitmap", OTHER_CHUNK, 9);
  private final Mirror mirror = started();
  private final ArrayClient client = new ArrayClient(array, mirror);

  private Mirror started() {
    Mirror assembled = array.assemble();
    array.scheduler.runUntilIdle();
    return assembled;
  }

  @Test
  void fromMembersToAFileInOtherChunks() {
    client.write(5 * CHUNK, 512, 1);
    assertThat(change(toFile())).isNull();
    assertThat(mirror.status().bitmap())
        .isEqualTo(new ArrayStatus.Bitmap(ArrayStatus.BitmapKind.RAW, OTHER_CHUNK, 256, 4));
    array.useBitmapFile(file);
    for (int chunk = 0; chunk < 256; chunk++) {
      assertThat(array.bit(chunk)).isEqualTo(chunk >= 20 && chunk < 24);
    }
    assertThat(array.superblock(0).hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET)).isFalse();
    client.write(0, 512, 1);
    assertThat(array.bit(0)).isTrue();
  }

  @Test
  void fromAFileBackToMembersGivesTheFileBackAtOnce() {
    change(toFile());
    client.write(5 * CHUNK, 512, 1);
    assertThat(change(BitmapTarget.onMembers(CHUNK))).isNull();
    assertThatThrownBy(() -> file.flush(failure -> {}))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("closed");
    assertThat(mirror.status().bitmap().kind()).isEqualTo(ArrayStatus.BitmapKind.INTERNAL);
    assertThat(mirror.status().bitmap().dirtyChunks()).isEqualTo(1);
    MdSuperblock superblock = array.superblock(1);
    assertThat(superblock.hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET)).isTrue();
    assertThat(superblock.bitmapOffset()).isEqualTo(8);
  }

  @Test
  void otherChunksOnMembersGoBesideTheOnesThatAreInForce() {
    client.write(5 * CHUNK, 512, 1);
    assertThat(change(BitmapTarget.onMembers(OTHER_CHUNK))).isNull();
    assertThat(mirror.status().bitmap().chunkBytes()).isEqualTo(OTHER_CHUNK);
    assertThat(array.superblock(0).bitmapOffset()).isEqualTo(16);
    assertThat(change(BitmapTarget.onMembers(CHUNK))).isNull();
    assertThat(array.superblock(0).bitmapOffset()).isEqualTo(8);
  }

  @Test
  void withoutABitmapAnUncleanStopIsAFullResyncAndWithOneAgainItIsNot() {
    mirror.setCleanDelayNanos(0);
    assertThat(change(BitmapTarget.NONE)).isNull();
    client.write(0, 512, 1);
    assertThat(mirror.status().bitmap().kind()).isEqualTo(ArrayStatus.BitmapKind.NONE);
    assertThat(copiedAfterKill()).as("members of zeroes, one chunk of data").isGreaterThan(CHUNK);
    assertThat(change(BitmapTarget.onMembers(CHUNK))).isNull();
    assertThat(copiedAfterKill()).isEqualTo(CHUNK);
  }

  /** Bytes written by the resync after a kill, of members that are all data. */
  private long copiedAfterKill() {
    TestArray later = array.afterCut(1, false);
    for (SimulatedDevice device : later.devices) {
      later.put(
          device,
          TestArray.DATA_OFFSET_BYTES,
          ByteBuffer.allocateDirect((int) later.sizeBytes).put(0, (byte) 1));
    }
    Mirror again = later.assemble();
    later.scheduler.runUntilIdle();
    return again.status().sync().copiedBytes();
  }

  @Test
  void removingWhatIsNotThereIsRefused() {
    change(BitmapTarget.NONE);
    assertThat(change(BitmapTarget.NONE)).hasMessageContaining("has no write-intent bitmap");
  }

  @Test
  void anAddThatFailsLeavesAllAsItWas() {
    file.inject(SimulatedFault.failing(Errno.ENOSPC).on(Operation.WRITE));
    client.write(5 * CHUNK, 512, 1);
    byte[] before = array.devices.getFirst().readNow(4096, 4096);
    assertThat(change(toFile())).hasMessageContaining("bitmap");
    assertThat(mirror.status().bitmap().kind()).isEqualTo(ArrayStatus.BitmapKind.INTERNAL);
    assertThat(array.devices.getFirst().readNow(4096, 4096)).isEqualTo(before);
    assertThat(client.write(9 * CHUNK, 512, 1)).isNull();
    assertThat(array.bit(9)).isTrue();
    array.scheduler.advance(40 * SECOND);
    assertThat(mirror.status().bitmap().dirtyChunks()).as("clearing goes on").isZero();
  }

  @Test
  void aFileThatIsTooShortIsRefused() {
    SimulatedDevice tooShort =
        new SimulatedDevice(SimulatedDisk.of("short", 0), array.scheduler, 1);
    BitmapTarget target = BitmapTarget.inFile(new BitmapFile(tooShort, true), 4096);
    assertThat(change(target)).hasMessageContaining("short has 0 bytes");
  }

  @Test
  void whatWasInTheFileBeforeIsWrittenOverOnEveryPage() {
    TestArray large = new TestArray(4, 2, 160 << 20, CHUNK);
    Mirror running = large.assemble();
    large.scheduler.runUntilIdle();
    SimulatedDevice twoPages = large.newBitmapFile("bitmap", 4096, 1);
    ByteBuffer garbage = ByteBuffer.allocateDirect((int) twoPages.sizeBytes());
    while (garbage.hasRemaining()) {
      garbage.put((byte) 0xff);
    }
    large.put(twoPages, 0, garbage.flip());
    running.changeBitmap(
        BitmapTarget.inFile(new BitmapFile(twoPages, true), 4096),
        failure -> assertThat(failure).isNull());
    large.scheduler.runUntilIdle();
    assertThat(twoPages.readNow(4096, 1024)).containsOnly(0);
  }

  @Test
  void writesAreHeldWhileTheBitmapIsExchanged() {
    SimulatedFault stuck = SimulatedFault.stuck().on(Operation.WRITE);
    file.inject(stuck);
    AtomicReference<@Nullable DeviceException> changed = ask(toFile());
    array.scheduler.advance(SECOND);
    AtomicReference<@Nullable DeviceException> write = client.submit(0, 512, 7);
    array.scheduler.advance(SECOND);
    assertThat(write.get()).as("I1").hasMessage("no answer");
    file.heal(stuck);
    file.release();
    array.scheduler.runUntilIdle();
    assertThat(changed.get()).isNull();
    assertThat(write.get()).isNull();
    array.useBitmapFile(file);
    assertThat(array.bit(0)).isTrue();
  }

  @Test
  void aMemberThatFailsMeanwhileFindsEveryBitNeeded() {
    client.write(5 * CHUNK, 512, 1);
    SimulatedFault stuck = SimulatedFault.stuck().on(Operation.WRITE);
    file.inject(stuck);
    AtomicReference<@Nullable DeviceException> changed = ask(toFile());
    array.scheduler.advance(SECOND);
    array.devices.get(1).inject(SimulatedFault.failing(Errno.EIO).on(Operation.FLUSH));
    mirror.flush(failure -> assertThat(failure).isNull());
    array.scheduler.advance(SECOND);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.DEGRADED);
    file.heal(stuck);
    file.release();
    array.scheduler.runUntilIdle();
    assertThat(changed.get()).isNull();
    assertThat(mirror.bitmap().counters().isNeeded(20)).as("I5").isTrue();
    array.scheduler.advance(60 * SECOND);
    array.useBitmapFile(file);
    assertThat(array.bit(20)).isTrue();
  }

  /** It was one of those that the new bitmap was to be kept on. */
  @Test
  void aMemberThatFailsBeforeWritesAreHeldIsNotWrittenAnyMore() {
    SimulatedDevice failing = array.devices.get(1);
    failing.inject(
        SimulatedFault.failing(Errno.EIO)
            .on(Operation.WRITE)
            .within(TestArray.DATA_OFFSET_BYTES, SIZE));
    AtomicReference<@Nullable DeviceException> write = client.submit(0, 512, 1);
    array.scheduler.runUntil(() -> mirror.bitmap().counters().writes(0) > 0 && isWritten(failing));
    AtomicReference<@Nullable DeviceException> changed = ask(BitmapTarget.onMembers(OTHER_CHUNK));
    array.scheduler.runUntilIdle();
    assertThat(write.get()).isNull();
    assertThat(changed.get()).isNull();
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.DEGRADED);
    int before = failing.trace().size();
    client.write(5 * CHUNK, 512, 1);
    assertThat(failing.trace()).hasSize(before);
  }

  private static boolean isWritten(SimulatedDevice device) {
    return device.trace().getLast().offsetBytes() >= TestArray.DATA_OFFSET_BYTES;
  }

  @Test
  void twoChangesAtOnceAreRefused() {
    AtomicReference<@Nullable DeviceException> first = ask(toFile());
    assertThat(change(BitmapTarget.NONE)).hasMessageContaining("changed already");
    assertThat(first.get()).isNull();
  }

  @Test
  void aStopWaitsForTheChange() {
    AtomicReference<@Nullable DeviceException> changed = ask(toFile());
    assertThat(client.stop()).isNull();
    assertThat(changed.get()).isNull();
    assertThat(array.superblock(0).resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
  }

  @Test
  void aFileThatFailsIsGivenUpAndMembersMovePastIt() {
    change(toFile());
    client.write(0, 512, 1);
    long events = array.superblock(0).events();
    file.inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE).times(1));
    assertThat(client.write(9 * CHUNK, 512, 1)).as("data goes on").isNull();
    assertThat(mirror.status().bitmap().kind()).isEqualTo(ArrayStatus.BitmapKind.KICKED);
    assertThat(array.superblock(0).events()).as("I6").isGreaterThanOrEqualTo(events + 2);
    assertThat(file.readNow(0, 512)[48]).as("marked stale, as it could be").isEqualTo((byte) 2);
    assertThatThrownBy(() -> file.flush(failure -> {})).isInstanceOf(AssertionError.class);
    assertThat(change(BitmapTarget.onMembers(CHUNK))).as("a new one may be added").isNull();
    assertThat(mirror.status().bitmap().kind()).isEqualTo(ArrayStatus.BitmapKind.INTERNAL);
    assertThat(mirror.status().bitmap().dirtyChunks()).isEqualTo(2);
  }

  @Test
  void writesGoOnWhileAFailingFileIsMarkedStale() {
    change(toFile());
    file.inject(SimulatedFault.failing(Errno.EIO).on(Operation.WRITE).times(1));
    AtomicReference<@Nullable DeviceException> first = client.submit(0, 512, 1);
    array.scheduler.runUntil(
        () -> mirror.status().bitmap().kind() == ArrayStatus.BitmapKind.KICKED);
    for (int chunk = 1; chunk < 20; chunk++) {
      client.submit((long) chunk * CHUNK, 512, 1);
    }
    client.settle();
    assertThat(first.get()).isNull();
    assertThat(file.readNow(0, 512)[48]).isEqualTo((byte) 2);
  }

  @Test
  void aMapThatMovedKicksTheBitmap() {
    change(toFile());
    long events = array.superblock(0).events();
    mirror.bitmapLost(new DeviceException(Errno.EIO, "it moved"));
    array.scheduler.runUntilIdle();
    assertThat(mirror.status().bitmap().kind()).isEqualTo(ArrayStatus.BitmapKind.KICKED);
    assertThat(array.superblock(0).events()).as("I6").isGreaterThanOrEqualTo(events + 2);
  }

  @Test
  void whatSomebodyElseWroteOverIsWrittenAgain() {
    change(toFile());
    client.write(0, 512, 1);
    array.put(file, 0, ByteBuffer.allocateDirect((int) file.sizeBytes()));
    array.useBitmapFile(file);
    assertThat(array.bit(0)).isFalse();
    mirror.bitmapDisturbed();
    array.scheduler.runUntilIdle();
    assertThat(array.bit(0)).isTrue();
    assertThat(file.readNow(0, 512)[0]).isEqualTo((byte) 'b');
  }

  private BitmapTarget toFile() {
    return BitmapTarget.inFile(new BitmapFile(file, true), OTHER_CHUNK);
  }

  private @Nullable DeviceException change(BitmapTarget target) {
    AtomicReference<@Nullable DeviceException> answer = ask(target);
    array.scheduler.runUntilIdle();
    return answer.get();
  }

  private AtomicReference<@Nullable DeviceException> ask(BitmapTarget target) {
    AtomicReference<@Nullable DeviceException> answer =
        new AtomicReference<>(new DeviceException(Errno.EIO, "unanswered"));
    mirror.changeBitmap(target, answer::set);
    return answer;
  }
}
