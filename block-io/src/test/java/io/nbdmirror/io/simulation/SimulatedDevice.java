package io.nbdmirror.io.simulation;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.ExtentsCompletion;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * A seeded disk with a volatile cache, in virtual time.
 *
 * <pre>
 *   write ──▶ in flight ──effect──▶ cache (readable) ──flush, or FUA for itself──▶ durable
 * </pre>
 *
 * <p>A request takes effect at some instant between its submission and its completion, and requests
 * complete out of order. At a power cut each write that is not durable survives, vanishes or is
 * torn at 512-byte sectors, by itself and in any order; at a process kill the cache stays. Either
 * way nothing in flight ever completes, and {@link #reopen} gives the disk to the next boot. The
 * {@code fork} methods do the same to a copy, so that one run can be cut at every one of its
 * events.
 *
 * <p>Breaking {@link BlockDevice}'s contract (a wrong thread, a buffer changed in flight, closing
 * with requests in flight) is an {@link AssertionError}.
 */
public final class SimulatedDevice implements BlockDevice {
  private enum State {
    OPEN,
    CLOSED,
    /** Its process is gone: requests are swallowed. */
    DEAD
  }

  private SimulatedDisk disk;
  private long openSizeBytes;
  private final SimulatedScheduler scheduler;
  private final SplittableRandom random;
  private final SimulatedMedium medium;

  private final Set<SimulatedRequest> inFlight = new LinkedHashSet<>();
  private final Set<SimulatedRequest> stuck = new LinkedHashSet<>();
  private final List<SimulatedFault> faults = new ArrayList<>();
  private final List<DeviceListener> listeners = new ArrayList<>();
  private final List<DeviceEvent> trace = new ArrayList<>();
  private State state = State.OPEN;
  private boolean gone;
  private long requests;

  /** A new disk, all holes. */
  public SimulatedDevice(SimulatedDisk disk, SimulatedScheduler scheduler, long seed) {
    this(disk, scheduler, new SplittableRandom(seed), new SimulatedMedium());
  }

  private SimulatedDevice(
      SimulatedDisk disk,
      SimulatedScheduler scheduler,
      SplittableRandom random,
      SimulatedMedium medium) {
    this.disk = disk;
    openSizeBytes = disk.sizeBytes();
    this.scheduler = scheduler;
    this.random = random;
    this.medium = medium;
  }

  @Override
  public String path() {
    return disk.path();
  }

  @Override
  public long sizeBytes() {
    return openSizeBytes;
  }

  @Override
  public long refreshSize() {
    openSizeBytes = Math.max(openSizeBytes, disk.sizeBytes());
    return openSizeBytes;
  }

  @Override
  public int blockBytes() {
    return disk.blockBytes();
  }

  @Override
  public boolean discards() {
    return disk.discards();
  }

  @Override
  public void read(
      long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done) {
    requireBuffer(target, targetIndex, lengthBytes);
    SimulatedRequest request =
        new SimulatedRequest(Operation.READ, offsetBytes, lengthBytes, false);
    request.buffer = target;
    request.bufferIndex = targetIndex;
    submit(request, done);
  }

  @Override
  public void write(
      long offsetBytes,
      ByteBuf source,
      int sourceIndex,
      int lengthBytes,
      boolean fua,
      Completion done) {
    requireBuffer(source, sourceIndex, lengthBytes);
    byte[] data = new byte[lengthBytes];
    source.getBytes(sourceIndex, data);
    SimulatedRequest request = new SimulatedRequest(Operation.WRITE, offsetBytes, lengthBytes, fua);
    request.buffer = source;
    request.bufferIndex = sourceIndex;
    request.change = change(PendingWrite.Kind.DATA, offsetBytes, lengthBytes, data);
    submit(request, done);
  }

  @Override
  public void flush(Completion done) {
    submit(new SimulatedRequest(Operation.FLUSH, 0, 0, false), done);
  }

  @Override
  public void writeZeroes(
      long offsetBytes, long lengthBytes, boolean mayDiscard, boolean fua, Completion done) {
    zero(Operation.WRITE_ZEROES, offsetBytes, lengthBytes, mayDiscard, fua, done);
  }

  @Override
  public void discard(long offsetBytes, long lengthBytes, boolean fua, Completion done) {
    zero(Operation.DISCARD, offsetBytes, lengthBytes, true, fua, done);
  }

  @Override
  public void extents(long offsetBytes, long lengthBytes, ExtentsCompletion done) {
    SimulatedRequest request =
        new SimulatedRequest(Operation.EXTENTS, offsetBytes, lengthBytes, false);
    request.extentsDone = done;
    submit(request, null);
  }

  /** Unflushed writes stay in the cache, for {@link #reopen}. */
  @Override
  public void close() {
    requireLoop();
    if (!inFlight.isEmpty()) {
      throw new AssertionError(path() + " was closed with requests in flight: " + inFlight);
    }
    if (state == State.OPEN) {
      state = State.CLOSED;
    }
  }

  public boolean isClosed() {
    return state == State.CLOSED;
  }

  // What a test does to it.

  /** The disk has another size from now on; whoever has it open knows after a refresh. */
  public void resize(long sizeBytes) {
    disk = disk.withSizeBytes(sizeBytes);
  }

  public void inject(SimulatedFault fault) {
    faults.add(fault);
  }

  /** Ends a fault; requests that it holds stuck stay so until {@link #release}. */
  public void heal(SimulatedFault fault) {
    faults.remove(fault);
  }

  /** Ends every fault, as {@link #heal} does one. */
  public void healAll() {
    faults.clear();
  }

  /** Lets every stuck request go on. */
  public void release() {
    List<SimulatedRequest> released = List.copyOf(stuck);
    stuck.clear();
    released.forEach(request -> arm(request, 0));
  }

  /**
   * Lets every stuck request go on that its maker gave up meanwhile: a write takes the bytes that
   * its buffer holds by then. The buffers must not have been freed.
   */
  public void releaseAbandoned() {
    stuck.forEach(request -> request.abandoned = true);
    release();
  }

  /** From now on every request fails with EIO, those in flight included. */
  public void disappear() {
    gone = true;
    for (SimulatedRequest request : inFlight) {
      if (!request.performed) {
        request.fail();
      }
    }
    release();
  }

  /** Ends {@link #disappear}; contents and cache are as they were then. */
  public void comeBack() {
    gone = false;
  }

  /** The power fails: only what {@link #reopen} gives can be used afterwards. */
  public void powerCut() {
    medium.powerCut(random.split(), unapplied());
    die();
  }

  /** The process is killed, the machine goes on: as {@link #powerCut}, but the cache stays. */
  public void processKill() {
    medium.processKill(random.split(), unapplied());
    die();
  }

  /** The same disk for the next boot, without faults or listeners. */
  public SimulatedDevice reopen(SimulatedScheduler nextScheduler) {
    if (state == State.OPEN) {
      throw new AssertionError(path() + " is still open");
    }
    return new SimulatedDevice(disk, nextScheduler, random.split(), medium);
  }

  /** A copy of the disk as a power cut at this instant might leave it; this one goes on. */
  public SimulatedDevice forkAfterPowerCut(long seed, SimulatedScheduler nextScheduler) {
    SplittableRandom own = new SplittableRandom(seed);
    SimulatedMedium copy = new SimulatedMedium(medium);
    copy.powerCut(own.split(), unapplied());
    return new SimulatedDevice(disk, nextScheduler, own, copy);
  }

  /** A copy of the disk as a process kill at this instant might leave it; this one goes on. */
  public SimulatedDevice forkAfterProcessKill(long seed, SimulatedScheduler nextScheduler) {
    SplittableRandom own = new SplittableRandom(seed);
    SimulatedMedium copy = new SimulatedMedium(medium);
    copy.processKill(own.split(), unapplied());
    return new SimulatedDevice(disk, nextScheduler, own, copy);
  }

  public void listen(DeviceListener listener) {
    listeners.add(listener);
  }

  /** Everything that happened, in order. */
  public List<DeviceEvent> trace() {
    return Collections.unmodifiableList(trace);
  }

  /** Whether it takes requests: it was not closed, nor did its process end. */
  public boolean isOpen() {
    return state == State.OPEN;
  }

  public int inFlight() {
    return inFlight.size();
  }

  public boolean hasUnflushedWrites() {
    return medium.hasUnflushed();
  }

  /** What a read would see now. */
  public byte[] readNow(long offsetBytes, int lengthBytes) {
    return readFrom(medium.visible(), offsetBytes, lengthBytes);
  }

  /** Offsets of the sectors in the range that do not read as on the other device. */
  public List<Long> differences(SimulatedDevice other, long offsetBytes, long lengthBytes) {
    requireRange(offsetBytes, lengthBytes, SectorMap.SECTOR_BYTES);
    long from = offsetBytes / SectorMap.SECTOR_BYTES;
    return medium
        .visible()
        .differences(other.medium.visible(), from, from + lengthBytes / SectorMap.SECTOR_BYTES)
        .stream()
        .map(sector -> sector * SectorMap.SECTOR_BYTES)
        .toList();
  }

  /** Whether a write within the range is not durable yet, be it in flight or in the cache. */
  public boolean hasUnflushedWrites(long offsetBytes, long lengthBytes) {
    for (SimulatedRequest request : inFlight) {
      if (request.change != null
          && request.offsetBytes < offsetBytes + lengthBytes
          && offsetBytes < request.offsetBytes + request.lengthBytes) {
        return true;
      }
    }
    return medium.hasUnflushed(
        offsetBytes / SectorMap.SECTOR_BYTES, (offsetBytes + lengthBytes) / SectorMap.SECTOR_BYTES);
  }

  /** What is certain to survive a power cut. */
  public byte[] readDurable(long offsetBytes, int lengthBytes) {
    return readFrom(medium.durable(), offsetBytes, lengthBytes);
  }

  /** Puts bytes where they are, at once and durably, as if they had always been there. */
  public void writeNow(long offsetBytes, byte[] bytes) {
    requireRange(offsetBytes, bytes.length, SectorMap.SECTOR_BYTES);
    medium.manufacture(change(PendingWrite.Kind.DATA, offsetBytes, bytes.length, bytes.clone()));
  }

  // A request's life.

  private void zero(
      Operation operation,
      long offsetBytes,
      long lengthBytes,
      boolean mayDiscard,
      boolean fua,
      Completion done) {
    PendingWrite.Kind kind =
        mayDiscard && disk.discards() ? PendingWrite.Kind.HOLE : PendingWrite.Kind.ZEROES;
    SimulatedRequest request = new SimulatedRequest(operation, offsetBytes, lengthBytes, fua);
    requireRange(offsetBytes, lengthBytes, disk.blockBytes());
    request.change = change(kind, offsetBytes, lengthBytes, null);
    submit(request, done);
  }

  private void submit(SimulatedRequest request, @Nullable Completion done) {
    requireLoop();
    if (state == State.CLOSED) {
      throw new AssertionError(path() + " is closed and was asked for a " + request);
    }
    requireRange(request.offsetBytes, request.lengthBytes, disk.blockBytes());
    if (request.offsetBytes + request.lengthBytes > openSizeBytes) {
      throw new IllegalArgumentException(request + " is beyond " + openSizeBytes + " bytes");
    }
    if (state == State.DEAD) {
      return;
    }
    request.done = done;
    request.id = requests++;
    request.submittedAt = medium.tick();
    inFlight.add(request);
    record(request, DeviceEvent.Phase.SUBMITTED);
    if (state == State.DEAD) {
      return;
    }
    SimulatedFault fault = firstHit(request);
    if (gone) {
      request.fail();
    } else if (fault != null) {
      request.errno = fault.errno();
      request.partly = fault.partly();
    }
    long extraNanos = fault == null ? 0 : fault.extraNanos();
    if (fault != null && fault.isStuck() && !gone) {
      stuck.add(request);
    } else if (extraNanos == 0 && disk.latency().inline(random)) {
      perform(request);
      complete(request);
    } else {
      arm(request, extraNanos);
    }
  }

  private void arm(SimulatedRequest request, long extraNanos) {
    long total = disk.latency().nanos(random) + extraNanos;
    long effect = random.nextLong(total + 1);
    request.timers.add(scheduler.scheduleRequest(() -> perform(request), effect));
    request.timers.add(scheduler.scheduleRequest(() -> complete(request), total));
  }

  private void perform(SimulatedRequest request) {
    request.requireSourceUnchanged();
    request.performed = true;
    if (request.abandoned && request.operation == Operation.WRITE) {
      request.change =
          change(
              PendingWrite.Kind.DATA,
              request.offsetBytes,
              request.lengthBytes,
              request.sourceNow());
    }
    PendingWrite change = request.change;
    if (change != null && request.applies()) {
      if (request.partly) {
        SimulatedMedium.tear(change, random);
      }
      medium.apply(change);
    } else if (request.operation == Operation.READ) {
      fillTarget(request);
    } else if (request.errno == 0 && request.operation == Operation.EXTENTS) {
      request.extents =
          medium.visible().extents(request.offsetBytes, request.lengthBytes, disk.blockBytes());
    }
  }

  private void fillTarget(SimulatedRequest request) {
    byte[] bytes = readNow(request.offsetBytes, (int) request.lengthBytes);
    if (request.errno != 0) {
      // Whoever uses the bytes of a failed read shall notice.
      for (int index = 0; index < bytes.length; index++) {
        bytes[index] = (byte) random.nextInt();
      }
    }
    if (request.buffer != null) {
      request.buffer.setBytes(request.bufferIndex, bytes);
    }
  }

  private void complete(SimulatedRequest request) {
    request.requireSourceUnchanged();
    if (!inFlight.remove(request)) {
      throw new AssertionError("completed twice: " + request);
    }
    PendingWrite change = request.change;
    if (change != null && request.applies()) {
      medium.completed(change);
      if (request.fua && request.errno == 0) {
        medium.makeDurable(change);
      }
    } else if (request.operation == Operation.FLUSH) {
      if (request.errno == 0) {
        medium.flush(request.submittedAt);
      } else {
        medium.forget(request.submittedAt);
      }
    }
    record(request, DeviceEvent.Phase.COMPLETED);
    if (state != State.DEAD) {
      answer(request);
    }
  }

  private void answer(SimulatedRequest request) {
    DeviceException failure =
        request.errno == 0
            ? null
            : DeviceException.of(
                request.operation.verb(),
                path(),
                request.offsetBytes,
                request.lengthBytes,
                request.errno,
                "simulated error " + request.errno);
    if (request.extentsDone != null) {
      request.extentsDone.completed(request.extents, failure);
    } else if (request.done != null) {
      request.done.completed(failure);
    }
  }

  private @Nullable SimulatedFault firstHit(SimulatedRequest request) {
    for (SimulatedFault fault : faults) {
      if (fault.hits(request.operation, request.offsetBytes, request.lengthBytes)) {
        return fault;
      }
    }
    return null;
  }

  private void record(SimulatedRequest request, DeviceEvent.Phase phase) {
    DeviceEvent event = request.event(phase);
    trace.add(event);
    for (DeviceListener listener : List.copyOf(listeners)) {
      listener.happened(this, event);
    }
  }

  private List<PendingWrite> unapplied() {
    List<PendingWrite> writes = new ArrayList<>();
    for (SimulatedRequest request : inFlight) {
      if (!request.performed && request.change != null && request.errno == 0) {
        writes.add(request.change);
      }
    }
    return writes;
  }

  private void die() {
    state = State.DEAD;
    inFlight.forEach(SimulatedRequest::cancelTimers);
    inFlight.clear();
    stuck.clear();
  }

  private byte[] readFrom(SectorMap map, long offsetBytes, int lengthBytes) {
    requireRange(offsetBytes, lengthBytes, SectorMap.SECTOR_BYTES);
    return map.read(offsetBytes / SectorMap.SECTOR_BYTES, lengthBytes / SectorMap.SECTOR_BYTES);
  }

  private static PendingWrite change(
      PendingWrite.Kind kind, long offsetBytes, long lengthBytes, byte @Nullable [] data) {
    return new PendingWrite(
        kind,
        offsetBytes / SectorMap.SECTOR_BYTES,
        Math.toIntExact(lengthBytes / SectorMap.SECTOR_BYTES),
        data);
  }

  private void requireLoop() {
    if (!scheduler.inLoop()) {
      throw new AssertionError(path() + " was called outside its loop");
    }
  }

  private void requireRange(long offsetBytes, long lengthBytes, int unit) {
    if (offsetBytes < 0
        || lengthBytes < 0
        || offsetBytes % unit != 0
        || lengthBytes % unit != 0
        || offsetBytes > Math.max(openSizeBytes, disk.sizeBytes()) - lengthBytes) {
      throw new IllegalArgumentException(
          "%d bytes at %d of %s, which has %d bytes in blocks of %d"
              .formatted(lengthBytes, offsetBytes, path(), openSizeBytes, unit));
    }
  }

  private static void requireBuffer(ByteBuf buffer, int index, int lengthBytes) {
    if (!buffer.hasMemoryAddress()) {
      throw new IllegalArgumentException("the buffer is not direct and contiguous");
    }
    if (index < 0 || lengthBytes < 0 || index > buffer.capacity() - lengthBytes) {
      throw new IllegalArgumentException("the range lies outside the buffer");
    }
  }
}
