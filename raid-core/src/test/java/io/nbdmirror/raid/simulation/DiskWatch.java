package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.DeviceListener;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Looks at every request to one disk, and keeps what its superblock and bitmap say. */
final class DiskWatch implements DeviceListener {
  private final SimulatedDevice disk;
  private final Life life;
  private final int index;
  private final boolean isMember;
  private final List<DeviceEvent> changes = new ArrayList<>();
  private @Nullable OnDisk superblock;
  private @Nullable BitmapOnDisk bitmap;
  private final Map<Long, Unprotected> unprotected = new HashMap<>();
  private boolean superblockOfBroken;
  private boolean superblockWritten;
  private boolean flushFailed;
  private int flushes;

  /**
   * A write without what must come before one that changes anything.
   *
   * @param before what was there
   */
  private record Unprotected(ByteBuffer before, String problem) {}

  /**
   * @param index tells the disks of a run apart in its hash
   */
  DiskWatch(SimulatedDevice disk, Life life, int index, boolean isMember) {
    this.disk = disk;
    this.life = life;
    this.index = index;
    this.isMember = isMember;
    disk.listen(this);
  }

  SimulatedDevice disk() {
    return disk;
  }

  String path() {
    return disk.path();
  }

  /** Or a bitmap file's. */
  boolean isMember() {
    return isMember;
  }

  /** Whether its superblock was written since the array was assembled. */
  boolean hasSuperblockOfThisLife() {
    return superblockWritten;
  }

  /** What a power cut would leave of the superblock. */
  OnDisk superblock() {
    OnDisk known = superblock;
    if (known == null) {
      known = OnDisk.durableOf(disk);
      superblock = known;
    }
    return known;
  }

  /** What a power cut would leave of the bitmap; on a member where its superblock says it is. */
  BitmapOnDisk bitmap() {
    BitmapOnDisk known = bitmap;
    if (known == null) {
      long start = isMember ? superblock().bitmapStart() : 0;
      known = BitmapOnDisk.of(disk, start, true);
      bitmap = known;
    }
    return known;
  }

  /** Whether a flush failed, so that what a reader sees may never get to the medium. */
  boolean hasFlushFailed() {
    return flushFailed;
  }

  boolean hasFlushInFlight() {
    return flushes > 0;
  }

  boolean hasSuperblockInFlight() {
    return changes.stream().anyMatch(change -> OnDisk.isIn(change.offsetBytes()));
  }

  boolean hasBitmapInFlight() {
    return changes.stream()
        .anyMatch(change -> !isData(change) && !OnDisk.isIn(change.offsetBytes()));
  }

  boolean hasDataInFlight() {
    return changes.stream().anyMatch(this::isData);
  }

  boolean isData(DeviceEvent event) {
    return isMember && event.offsetBytes() >= OnDisk.DATA;
  }

  @Override
  public void happened(SimulatedDevice device, DeviceEvent event) {
    if (life.isDead()) {
      return;
    }
    life.trace(disk, event);
    Tally tally = life.tally();
    tally.mix(index * 31L + event.phase().name().hashCode());
    tally.mix(event.offsetBytes() ^ (event.lengthBytes() << 40));
    tally.mix(event.operation().name().hashCode() * 31L + event.errno());
    if (event.phase() == DeviceEvent.Phase.SUBMITTED) {
      tally.deviceRequests++;
      submitted(event);
    } else {
      completed(event);
    }
    boolean changes = event.operation() != Operation.READ && event.operation() != Operation.EXTENTS;
    if (changes || life.isAssembling()) {
      life.crashIfItIsTime();
    }
  }

  private void submitted(DeviceEvent event) {
    if (event.operation() == Operation.FLUSH) {
      Violation.require(++flushes == 1, "I5: two flushes in flight on %s", disk.path());
    }
    if (event.operation().changes()) {
      for (DeviceEvent other : changes) {
        Violation.require(
            event.offsetBytes() >= other.offsetBytes() + other.lengthBytes()
                || other.offsetBytes() >= event.offsetBytes() + event.lengthBytes(),
            isData(event)
                ? "I11: two changes of the same bytes in flight on %s: %s and %s"
                : "I2: two writes of the same page in flight on %s: %s and %s",
            disk.path(),
            event,
            other);
      }
      changes.add(event);
      if (isData(event)) {
        String problem = life.checks().beforeData(this, event);
        if (!problem.isEmpty()) {
          // What mends a read error writes what is there already, on every member.
          unprotected.put(event.request(), new Unprotected(bytesOf(event), problem));
        }
      } else {
        submittedMetadata(event);
      }
    } else if (event.operation() == Operation.READ && isData(event)) {
      life.checks().beforeRead(this);
    }
  }

  private void submittedMetadata(DeviceEvent event) {
    Violation.require(event.fua(), "I12: %s is written without FUA on %s", event, disk.path());
    // What is there now is compared with what will be.
    bitmap();
    if (isMember) {
      life.checks().beforeNewcomer(this);
      if (OnDisk.isIn(event.offsetBytes())) {
        superblockOfBroken = life.checks().isBroken();
      }
    }
  }

  private ByteBuffer bytesOf(DeviceEvent event) {
    return ByteBuffer.wrap(disk.readNow(event.offsetBytes(), (int) event.lengthBytes()));
  }

  private void completed(DeviceEvent event) {
    if (event.errno() != 0 && isMember && !life.isAssembling()) {
      life.checks().noteFailure(this, event);
      if (event.operation() == Operation.READ && isData(event)) {
        life.readFailed(event.offsetBytes() - OnDisk.DATA, event.lengthBytes());
      }
    }
    if (event.operation() == Operation.FLUSH) {
      flushes--;
      flushFailed |= event.errno() != 0;
    }
    if (event.operation().changes()) {
      changes.removeIf(change -> change.request() == event.request());
      Unprotected write = unprotected.remove(event.request());
      Violation.require(
          write == null || write.before.equals(bytesOf(event)),
          "%s",
          write == null ? "" : write.problem);
      if (!isData(event)) {
        metadataWritten(event);
      }
    }
  }

  private void metadataWritten(DeviceEvent event) {
    if (isMember && OnDisk.isIn(event.offsetBytes())) {
      OnDisk before = superblock();
      superblock = null;
      superblockWritten |= event.errno() == 0;
      if (superblock().bitmapStart() != before.bitmapStart()) {
        bitmap = null;
      }
      life.checks().superblocks().written(this, before, superblockOfBroken);
    } else {
      BitmapOnDisk before = bitmap();
      bitmap = null;
      life.checks().bitmaps().written(this, before);
    }
  }
}
