package io.nbdmirror.raid;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.pages.BitmapPages;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.bitmap.BitmapPlace;
import io.nbdmirror.raid.bitmap.NewBitmap;
import io.nbdmirror.raid.event.ArrayEvent;
import io.nbdmirror.raid.event.ArrayEvents;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.event.HangWatch;
import io.nbdmirror.raid.event.InFlight;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.membership.ChangeQueue;
import io.nbdmirror.raid.membership.Membership;
import io.nbdmirror.raid.membership.Standstill;
import io.nbdmirror.raid.mend.ReadErrorMending;
import io.nbdmirror.raid.read.ReadHints;
import io.nbdmirror.raid.read.ReadPath;
import io.nbdmirror.raid.resync.Doubt;
import io.nbdmirror.raid.resync.Foreground;
import io.nbdmirror.raid.resync.SyncEngine;
import io.nbdmirror.raid.status.ArrayCounters;
import io.nbdmirror.raid.status.ArrayDetail;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.write.WriteOrder;
import io.nbdmirror.raid.write.WritePath;
import io.nbdmirror.raid.write.WritesBehind;
import io.netty.buffer.ByteBuf;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A running array. A block device of byte granularity: requests need no alignment. Everything is
 * called on the array's loop.
 */
public final class Mirror implements BlockDevice {
  /**
   * What assembly found out.
   *
   * @param name as it is stored
   * @param sizeBytes of the array
   * @param pages the bitmap, loaded or filled
   * @param place where the bitmap is kept
   * @param unclean the superblocks do not say clean: set bits stand for chunks to be copied
   * @param events of the freshest member
   * @param unrecorded a member is absent that the superblocks count as present
   */
  public record Found(
      String name,
      UUID uuid,
      long sizeBytes,
      Members members,
      BitmapPages pages,
      BitmapPlace place,
      boolean unclean,
      long events,
      boolean unrecorded,
      boolean readOnly) {}

  private final Found found;
  private final Members members;
  private final ArrayHealth health;
  private final WriteOrder order = new WriteOrder();
  private final InFlight reading = new InFlight();
  private final ReadPath reads;
  private final ReadHints hints;
  private final WritesBehind behind;
  private final WritePath writes;
  private final Doubt doubt;
  private final SyncEngine sync;
  private final Housekeeping housekeeping;
  private final HangWatch hangWatch;
  private final Standstill standstill;
  private final ChangeQueue changes = new ChangeQueue();
  private final Membership membership;
  private final ScrubRequests scrubs;
  private final Scheduler scheduler;
  private final StatusView view;

  /** Asked by whoever offers the array to clients, on any thread. */
  private volatile long sizeBytes;

  private boolean stopping;

  /** Nothing is written and nothing runs before {@link #start}. */
  public Mirror(Found found, Scheduler scheduler) {
    this.found = found;
    this.scheduler = scheduler;
    members = found.members();
    sizeBytes = found.sizeBytes();
    health =
        new ArrayHealth(
            found.name(),
            members,
            found.pages(),
            found.place(),
            // A single copy has nothing to differ from.
            members.isDegraded() || (found.unclean() && members.inSync() > 1),
            found.events(),
            found.readOnly(),
            scheduler);
    doubt = new Doubt(health.arrayBitmap());
    if (found.unclean() && members.inSync() > 1) {
      doubt.addNeeded();
    }
    ReadErrorMending mending =
        new ReadErrorMending(members, order, health, reading, found.readOnly(), scheduler);
    behind = new WritesBehind(members, health);
    reads =
        new ReadPath(members, doubt, order::waitsForOldBytes, behind, mending, reading, scheduler);
    hints = new ReadHints(members, behind, reading);
    writes = new WritePath(members, order, health, reads, behind, this::mayDiffer);
    sync =
        new SyncEngine(
            found.name(),
            members,
            order,
            writes.gate(),
            health,
            reads,
            scheduler,
            doubt,
            new Foreground(reading, writes.inFlight()));
    housekeeping = new Housekeeping(members, health, sync, doubt, writes.inFlight(), scheduler);
    standstill = new Pause(housekeeping, writes.gate(), health.updates());
    membership =
        new Membership(
            found.name(),
            members,
            health,
            sync,
            changes,
            standstill,
            scheduler,
            this::changeRefusal);
    scrubs = new ScrubRequests(found.name(), members, sync, changes, this::changeRefusal);
    hangWatch = new HangWatch(members, health, scheduler);
    health.onMemberFailed(this::memberFailed);
    view = new StatusView(found, health, sync, doubt, this::sizeBytes);
  }

  private void mayDiffer(long startBytes, long endBytes) {
    doubt.add(startBytes, endBytes);
    scheduler.execute(sync::consider);
  }

  private void memberFailed() {
    sync.memberFailed();
    if (!stopping) {
      membership.placeSpare();
    }
  }

  /**
   * Brings the bitmap's copies into step, records absent members, and starts resync if there is
   * something to copy. A read-only array does none of it.
   */
  public void start() {
    hangWatch.start();
    if (found.readOnly()) {
      return;
    }
    // Nobody is answered before who is absent is recorded (I3).
    health.updates().hold();
    // The first of all changes: whatever else is asked for waits for it.
    changes.add(started ->
        // All bits first, with the event count the medium has: a count that catches up before its
        // bits have would make a stale bitmap look like a good one.
        health.bitmap().commits().commit((Completion) ignored -> bitmapInStep(started)));
  }

  private void bitmapInStep(Runnable started) {
    health.bitmap().superblock().setState(0);
    if (found.unrecorded()) {
      health.updates().recordFailure();
    }
    if (found.unclean()) {
      health.updates().markActive();
    }
    health.updates().release();
    health.updates().whenSettled(() -> settled(started));
  }

  private void settled(Runnable started) {
    if (!stopping) {
      housekeeping.start();
      tellStarted();
      sync.start();
      membership.placeSpare();
    }
    started.run();
  }

  /**
   * A member that does not answer a request for so long is failed as by an error, unless no other
   * member in sync answers either; {@link HangWatch#DEFAULT_TIMEOUT_NANOS} unless set.
   */
  public void setMemberTimeoutNanos(long memberTimeoutNanos) {
    hangWatch.setTimeoutNanos(memberTimeoutNanos);
  }

  /**
   * When nothing was written for so long, the superblocks say clean, so that a crash means no
   * resync; 200 ms unless set, as in md. 0 for not before the array is stopped.
   */
  public void setCleanDelayNanos(long cleanDelayNanos) {
    housekeeping.setCleanDelayNanos(cleanDelayNanos);
  }

  private void tellStarted() {
    ArrayEvents happenings = health.happenings();
    happenings.tell(
        ArrayEvent.Kind.NEW_ARRAY,
        "%d of %d members are in sync".formatted(members.inSync(), members.slots()));
    if (members.isDegraded()) {
      happenings.tell(
          ArrayEvent.Kind.DEGRADED_ARRAY,
          "%d of %d members are in sync".formatted(members.inSync(), members.slots()));
    }
  }

  /** Who the members are, and how that is changed; refused on an array that is read-only. */
  public Membership membership() {
    return membership;
  }

  /**
   * Begins to compare the members, or goes on with a check that was stopped; where they differ the
   * status tells.
   *
   * @param begun told null, or in a sentence why it did not begin
   */
  public void check(Completion begun) {
    scrubs.check(begun);
  }

  /**
   * Begins to make members the same where they differ, or goes on with the like that was stopped.
   *
   * @param fromPath the member whose data is right; null for the one that resync would take
   * @param begun told null, or in a sentence why it did not begin
   */
  public void repair(@Nullable String fromPath, Completion begun) {
    scrubs.repair(fromPath, begun);
  }

  /**
   * Stops the check or repair that runs, if one does; the next of the same kind goes on there.
   * Refused during a resync or recovery: those go on by themselves.
   *
   * @param stopped told null when none runs any more
   */
  public void idle(Completion stopped) {
    scrubs.idle(stopped);
  }

  /**
   * How fast resync, recovery, check and repair may be, in bytes of the array a second.
   *
   * @param minBytesPerSecond clients do not slow them down below this; 0 and up, 1 MiB unless set
   * @param maxBytesPerSecond never faster; {@link Long#MAX_VALUE}, as it is unless set, for without
   *     limit
   */
  public void setSyncSpeed(long minBytesPerSecond, long maxBytesPerSecond) {
    if (minBytesPerSecond < 0 || maxBytesPerSecond <= 0 || maxBytesPerSecond < minBytesPerSecond) {
      throw new IllegalArgumentException(
          "a speed of %d to %d bytes a second".formatted(minBytesPerSecond, maxBytesPerSecond));
    }
    sync.setSpeed(minBytesPerSecond, maxBytesPerSecond);
  }

  /** {@code listener} is told what happens to the array from now on; it must not block. */
  public void onEvent(Consumer<ArrayEvent> listener) {
    health.happenings().listen(listener);
  }

  public UUID uuid() {
    return found.uuid();
  }

  /** The array's name as it is stored: bare, or {@code host:name} as mdadm writes it. */
  public String name() {
    return found.name();
  }

  public ArrayStatus status() {
    return view.status();
  }

  public ArrayDetail detail() {
    return view.detail();
  }

  /** The bitmap there is now, to be looked at. */
  public WriteIntentBitmap bitmap() {
    return health.bitmap();
  }

  public ArrayCounters counters() {
    return view.counters();
  }

  /** Who the array is, how long, and what its bitmap is like: for whoever makes it a new one. */
  public NewBitmap bitmapLayout(long chunkBytes) {
    BitmapSuperblock now = health.bitmap().superblock();
    return new NewBitmap(found.uuid(), sizeBytes, chunkBytes, now.daemonSleep(), now.writeBehind());
  }

  /** Why nothing about the array can be changed now, as a sentence; empty when it can. */
  private String changeRefusal() {
    String array = "array " + found.name();
    if (stopping) {
      return array + " is being stopped";
    }
    if (found.readOnly()) {
      return array + " is served read-only";
    }
    DeviceException broken = health.broken();
    return broken == null ? "" : String.valueOf(broken.getMessage());
  }

  /** Why the bitmap cannot be exchanged now, as a sentence; empty when it can. */
  public String bitmapChangeRefusal() {
    String refusal = changeRefusal();
    if (!refusal.isEmpty()) {
      return refusal;
    }
    if (changes.isBusy()) {
      return "array %s is being changed already: try again".formatted(found.name());
    }
    return sync.isRunning() || !doubt.isEmpty()
        ? "array %s is in the middle of a %s: change its bitmap when that is done"
            .formatted(found.name(), sync.action())
        : "";
  }

  /**
   * Exchanges the bitmap for another while the array runs; see {@link BitmapChange}.
   *
   * @param done told null when the new one is in force, or why all stayed as it was; the target's
   *     file is the caller's to close then
   */
  public void changeBitmap(BitmapTarget target, Completion done) {
    String refusal = bitmapChangeRefusal();
    if (refusal.isEmpty() && target.equals(BitmapTarget.NONE) && !health.arrayBitmap().isStored()) {
      refusal = "array %s has no write-intent bitmap".formatted(found.name());
    }
    if (!refusal.isEmpty()) {
      done.completed(new DeviceException(Errno.EBUSY, refusal));
      return;
    }
    try {
      BitmapChoice choice = BitmapChoice.of(target, this, members, health.arrayBitmap());
      changes.add(ended ->
          new BitmapChange(
                  found,
                  health,
                  standstill,
                  scheduler,
                  choice.place(),
                  choice.layout(),
                  failure -> {
                    done.completed(failure);
                    ended.run();
                  })
              .run());
    } catch (DeviceException e) {
      done.completed(e);
    }
  }

  /** Why the array cannot be given another size now, as a sentence; empty when it can. */
  String growRefusal() {
    String refusal = changeRefusal();
    if (refusal.isEmpty() && (sync.isRunning() || !doubt.isEmpty() || members.anyRebuilding())) {
      refusal =
          "array %s is in the middle of a %s: grow it when that is done"
              .formatted(found.name(), sync.isRunning() ? sync.action() : "resync or recovery");
    }
    return refusal;
  }

  /** Whether any request is on its way. */
  public boolean isInUse() {
    return writes.inFlight().count() > 0 || reading.count() > 0;
  }

  /** Ranges that requests and what copies or compares hold in the order of writes, or wait for. */
  public int rangesHeld() {
    return order.size();
  }

  /**
   * Gives the array another size while it runs, after its members' devices have grown; see {@link
   * Growth}. The new area is resynced afterwards. The log says what became of the bitmap's chunks.
   *
   * @param newSizeBytes 0 for as large as all members allow
   * @param force shrink it, if it is less than now; whoever says so knows that no client has it
   * @param done told null when {@link #sizeBytes} is the new size, or why all stayed as it was
   */
  public void grow(long newSizeBytes, boolean force, Completion done) {
    changes.add(ended -> {
      Completion end =
          failure -> {
            ended.run();
            sync.consider();
            done.completed(failure);
          };
      String refusal = growRefusal();
      if (!refusal.isEmpty()) {
        end.completed(new DeviceException(Errno.EBUSY, refusal));
        return;
      }
      new Growth(this, members, health, doubt, standstill, scheduler, size -> sizeBytes = size, end)
          .run(newSizeBytes, force);
    });
  }

  /** The bitmap's file must not be written any more: it is kicked (I6). */
  public void bitmapLost(DeviceException failure) {
    if (!found.readOnly()) {
      health.bitmapLost(failure);
    }
  }

  /**
   * Somebody else wrote the bitmap's file: all of it is written once more, after a change that may
   * be writing another bitmap there.
   */
  public void bitmapDisturbed() {
    changes.add(ended -> {
      if (!found.readOnly() && health.arrayBitmap().isTrusted()) {
        health.bitmap().writeAgain(ignored -> ended.run());
      } else {
        ended.run();
      }
    });
  }

  /**
   * Stops cleanly: refuses new requests with ESHUTDOWN, lets those in flight finish, flushes the
   * members, clears idle bits, writes clean superblocks and closes the members.
   *
   * @param done told null, or why the array could not be stopped cleanly; the members are closed
   *     either way
   */
  public void stop(Completion done) {
    if (stopping) {
      throw new IllegalStateException("array " + found.name() + " is being stopped already");
    }
    stopping = true;
    changes.whenIdle(() -> drain(done));
  }

  private void drain(Completion done) {
    sync.stop(() ->
        writes
            .inFlight()
            .whenIdle(
                () -> reading.whenIdle(() -> health.updates().whenSettled(() -> last(done)))));
  }

  private void last(Completion done) {
    if (found.readOnly()) {
      close();
      done.completed(null);
      return;
    }
    housekeeping.stop(failure -> {
      close();
      done.completed(failure);
    });
  }

  @Override
  public String path() {
    return found.name();
  }

  /** {@inheritDoc} Any thread may ask. */
  @Override
  public long sizeBytes() {
    return sizeBytes;
  }

  @Override
  public int blockBytes() {
    return 1;
  }

  /**
   * {@inheritDoc}
   *
   * <p>A failure with {@link Errno#ETIMEDOUT} means that a member hung on the read and still holds
   * the target, which it may write to at any time: ask again with a fresh buffer. The target must
   * be reference-counted, and whoever gives it up releases it as ever.
   */
  @Override
  public void read(
      long offsetBytes, ByteBuf target, int targetIndex, int lengthBytes, Completion done) {
    if (accepts(offsetBytes, lengthBytes, false, done)) {
      reads.read(offsetBytes, target, targetIndex, lengthBytes, done);
    }
  }

  @Override
  public void write(
      long offsetBytes,
      ByteBuf source,
      int sourceIndex,
      int lengthBytes,
      boolean fua,
      Completion done) {
    if (accepts(offsetBytes, lengthBytes, true, done)) {
      writes.write(offsetBytes, source, sourceIndex, lengthBytes, fua, done);
    }
  }

  @Override
  public void flush(Completion done) {
    if (stopping) {
      done.completed(shuttingDown());
      return;
    }
    if (found.readOnly()) {
      done.completed(null);
      return;
    }
    reading.start();
    // What was acknowledged and not written yet it covers too (I5).
    behind.whenCaughtUp(() -> flushMembers(done));
  }

  private void flushMembers(Completion done) {
    health.flushMembers(failure ->
        // A member may just have failed: the flush is acknowledged when that is recorded (I3).
        health
            .updates()
            .whenSettled(() -> {
              done.completed(failure == null ? health.broken() : failure);
              reading.end();
            }));
  }

  @Override
  public void writeZeroes(
      long offsetBytes, long lengthBytes, boolean mayDiscard, boolean fua, Completion done) {
    if (accepts(offsetBytes, lengthBytes, true, done)) {
      writes.writeZeroes(offsetBytes, lengthBytes, mayDiscard, fua, done);
    }
  }

  @Override
  public boolean discards() {
    return members.allDiscard();
  }

  @Override
  public void discard(long offsetBytes, long lengthBytes, boolean fua, Completion done) {
    if (accepts(offsetBytes, lengthBytes, true, done)) {
      writes.discard(offsetBytes, lengthBytes, fua, done);
    }
  }

  /** {@inheritDoc} What the member that reads come from knows. */
  @Override
  public void extents(long offsetBytes, long lengthBytes, ExtentsCompletion done) {
    extents(offsetBytes, lengthBytes, Integer.MAX_VALUE, done);
  }

  @Override
  public void extents(long offsetBytes, long lengthBytes, int maxExtents, ExtentsCompletion done) {
    if (stopping) {
      done.completed(List.of(), shuttingDown());
    } else {
      hints.extents(offsetBytes, lengthBytes, maxExtents, done);
    }
  }

  /** {@inheritDoc} Every member that reads may come from begins. */
  @Override
  public void readAhead(long offsetBytes, long lengthBytes, Completion done) {
    if (accepts(offsetBytes, lengthBytes, false, done)) {
      hints.readAhead(offsetBytes, lengthBytes, done);
    }
  }

  /** Whether the request goes on its way; if not, it has been answered. */
  private boolean accepts(long offsetBytes, long lengthBytes, boolean changes, Completion done) {
    if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes > sizeBytes() - lengthBytes) {
      throw new IllegalArgumentException(
          "%d bytes at offset %d are outside array %s of %d bytes"
              .formatted(lengthBytes, offsetBytes, found.name(), sizeBytes()));
    }
    if (stopping) {
      done.completed(shuttingDown());
    } else if (changes && found.readOnly()) {
      done.completed(
          new DeviceException(Errno.EPERM, "array " + found.name() + " is served read-only"));
    } else if (lengthBytes == 0) {
      done.completed(null);
    } else {
      return true;
    }
    return false;
  }

  private DeviceException shuttingDown() {
    return new DeviceException(Errno.ESHUTDOWN, "array " + found.name() + " is being stopped");
  }

  /** Closes the members at once, as a crash would leave them; {@link #stop} is the clean way. */
  @Override
  public void close() {
    hangWatch.stop();
    for (Member member : members.all()) {
      member.device().close();
    }
    health.arrayBitmap().close();
  }
}
