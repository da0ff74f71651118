package io.nbdmirror.raid.simulation;

import io.nbdmirror.bitmap.WriteIntentBitmap;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.simulation.DeviceEvent;
import io.nbdmirror.io.simulation.Outcome;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.assembly.Assembly;
import io.nbdmirror.raid.assembly.BitmapFile;
import io.nbdmirror.raid.simulation.Coverage.State;
import io.nbdmirror.raid.status.ArrayStatus;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The array from one assembly to the next crash or clean stop.
 *
 * <pre>
 *   assembly ──► start ──► requests, upsets, verbs ──► clean stop ──► next life's disks
 *       └───────────┴──────────────┴── crash ─────────────┴──────────────▲
 * </pre>
 *
 * A crash copies the disks as they are at that instant. The life itself is then played to its end
 * on disks that answer nothing but errors, to see that every request is answered and every buffer
 * given back.
 */
final class Life {
  /** A member that is slow by no more than an upset makes it is not given up yet. */
  private static final long HASTY_NANOS = 400_000_000L;

  private static final int MOST_DISKS = 8;
  private static final long SECOND = 1_000_000_000L;

  /** So often that an array is not marked clean. */
  private static final long TRICKLE_NANOS = 90_000_000L;

  /** Bytes a second. */
  private static final long SLOW_SYNC = 16 << 10;

  private static final long PATIENCE_NANOS = 120_000_000_000L;

  private final World world;
  private final Disks disks;
  private final SimulatedScheduler scheduler;
  private final SplittableRandom random;
  private final List<DiskWatch> memberWatches = new ArrayList<>();
  private final List<DiskWatch> fileWatches = new ArrayList<>();
  private final ArrayChecks checks = new ArrayChecks(this, memberWatches, fileWatches);
  private final Leftovers leftovers = new Leftovers();
  private final IdleWatch idle;
  private @Nullable Mirror mirror;
  private @Nullable Clients clients;
  private @Nullable Verbs verbs;
  private final Set<String> busy = new HashSet<>();
  private boolean dead;
  private boolean started;
  private boolean stopping;
  private int filesMade;
  private long eventsToCrash = Long.MAX_VALUE;

  Life(World world) {
    this.world = world;
    disks = world.disks;
    scheduler = disks.scheduler;
    random = world.random.split();
    disks.members.forEach(this::watchMember);
    disks.files.forEach(this::watchFile);
    idle = new IdleWatch(scheduler, disks, world.tally);
    world.tally.lives++;
  }

  private void watchMember(SimulatedDevice device) {
    memberWatches.add(new DiskWatch(device, this, memberWatches.size(), true));
  }

  private void watchFile(SimulatedDevice device) {
    fileWatches.add(new DiskWatch(device, this, 100 + fileWatches.size(), false));
  }

  /** A new file, as long as a bitmap in such chunks. */
  SimulatedDevice newFile(int chunk) {
    long chunks = (sizeBytes() + chunk - 1) / chunk;
    long stored = 256 + (chunks + 7) / 8;
    SimulatedDevice file =
        new SimulatedDevice(
            SimulatedDisk.of("bitmap" + filesMade++, (stored + 511) / 512 * 512),
            scheduler,
            random.nextLong());
    disks.files.add(file);
    watchFile(file);
    return file;
  }

  /** A new disk for the array; null when it has enough. */
  @Nullable SimulatedDevice newMember() {
    if (disks.members.size() >= MOST_DISKS) {
      return null;
    }
    SimulatedDevice device = disks.blank(world.shape, random.nextInt(4), random);
    disks.members.add(device);
    watchMember(device);
    return device;
  }

  /** The disk, opened once more if the array has closed it; then it can be given to it again. */
  SimulatedDevice reopen(String path) {
    SimulatedDevice device = disks.member(path);
    if (device == null || device.isOpen()) {
      SimulatedDevice open = Objects.requireNonNull(device, path);
      // As somebody sees it who opens it only now.
      open.refreshSize();
      return open;
    }
    SimulatedDevice again = device.reopen(scheduler);
    int index = disks.members.indexOf(device);
    disks.members.set(index, again);
    memberWatches.set(index, new DiskWatch(again, this, index, true));
    busy.remove(path);
    return again;
  }

  /** The disk is on its way into the array. */
  void busy(String path) {
    busy.add(path);
  }

  /** It is not: the array did not let go of it. */
  void notBusy(String path) {
    busy.remove(path);
  }

  boolean isFree(SimulatedDevice device) {
    return !busy.contains(device.path());
  }

  // What the parts of a life ask of it.

  boolean isDead() {
    return dead;
  }

  boolean isAssembling() {
    return mirror == null;
  }

  boolean isStopping() {
    return stopping;
  }

  /** Tells whoever replays a seed what happens. */
  void trace(SimulatedDevice disk, DeviceEvent event) {
    PrintStream trace = world.trace;
    if (trace != null) {
      trace.printf("%d %s %s%n", scheduler.elapsedNanos(), disk.path(), event);
    }
  }

  Tally tally() {
    return world.tally;
  }

  Coverage coverage() {
    return world.tally.coverage;
  }

  ArrayChecks checks() {
    return checks;
  }

  long sizeBytes() {
    Mirror running = mirror;
    return running == null ? world.sizeBytes : running.sizeBytes();
  }

  List<Shape.Zone> zones() {
    return world.zones(sizeBytes());
  }

  boolean mayBeSplit() {
    return world.mayBeSplit;
  }

  WriteIntentBitmap bitmap() {
    return running().bitmap();
  }

  Disks disks() {
    return disks;
  }

  SimulatedScheduler scheduler() {
    return scheduler;
  }

  private Mirror running() {
    Mirror running = mirror;
    if (running == null) {
      throw new Violation("assembly asks of a member what only a running array may");
    }
    return running;
  }

  Roles roles() {
    return Roles.of(running(), disks);
  }

  /** These members hold everything that was acknowledged until now, and no others for certain. */
  void holdAll(Roles roles, List<SimulatedDevice> unrecorded) {
    world.current.removeIf(
        path -> unrecorded.stream().noneMatch(member -> member.path().equals(path)));
    for (DiskWatch member : memberWatches) {
      if (roles.isInSync(member.disk()) && !member.superblock().isRebuilding()) {
        world.current.add(member.disk().path());
      }
    }
  }

  /** A member that was rebuilt is recorded as one in sync. */
  void rebuilt(SimulatedDevice member) {
    coverage().reached(State.RECOVERY_FINISHED);
    for (Shape.Zone zone : zones()) {
      String problem = problemOnRebuilt(member, zone.start(), zone.length());
      Violation.require(
          problem.isEmpty(),
          "I13: %s is recorded in sync and lacks data: %s",
          member.path(),
          problem);
    }
    world.current.add(member.path());
  }

  /** Why what is durable of a member is older than what was flushed; empty if it is not. */
  String problemOnRebuilt(SimulatedDevice member, long offset, int length) {
    return world.expected.problemOnRebuilt(
        offset, member.readDurable(OnDisk.DATA + offset, length));
  }

  /** The model learns where a member could not be read. */
  void readFailed(long offset, long length) {
    world.expected.sourceFailed(offset, length);
  }

  /** The model learns when reads begin to come from another member. */
  void noticeSource() {
    SimulatedDevice source = roles().source();
    String name = source == null ? "" : source.path();
    if (!name.equals(world.source)) {
      world.source = name;
      world.expected.sourceChanged();
      Lagging.noteSource(world, source);
    }
  }

  // Its course.

  /** Runs until it ends in one way or another; the world has the next life's disks then. */
  void run(Start start, int operations) {
    if (random.nextInt(3) == 0) {
      eventsToCrash = random.nextInt(60);
    } else if (random.nextInt(3) > 0) {
      eventsToCrash = random.nextInt(60 + operations * 12);
    }
    Upsets upsets = new Upsets(this, world.shape, random.split());
    if (random.nextInt(8) == 0) {
      upsets.now();
    }
    Mirror assembled = assemble(start, upsets);
    if (assembled == null) {
      endUnassembled();
      return;
    }
    mirror = assembled;
    clients = new Clients(this, assembled, world, random.split());
    verbs = new Verbs(this, assembled, world, random.split());
    begin(assembled);
    work(clients, verbs, upsets, operations);
    if (!dead && random.nextInt(4) == 0) {
      crash(random.nextBoolean());
    }
    if (!dead) {
      stop(assembled, clients, upsets);
    }
    if (dead) {
      playToTheEnd(assembled, clients);
    }
  }

  private @Nullable Mirror assemble(Start start, Upsets upsets) {
    AssemblyOutcome outcome = new AssemblyOutcome();
    SimulatedDevice file = start.file();
    Assembly.assemble(
        List.<BlockDevice>copyOf(start.given()),
        file == null ? null : new BitmapFile(file, true),
        start.allowDegraded(),
        false,
        scheduler,
        outcome);
    runUntil(outcome::done, "assembly gave no answer");
    Mirror assembled = outcome.mirror();
    if (dead) {
      coverage().reached(State.CRASH_DURING_ASSEMBLY);
      return null;
    }
    if (assembled == null) {
      start.checkRefusal(outcome.refusal(), upsets.happened() > 0);
      return null;
    }
    world.sizeBytes = assembled.sizeBytes();
    Roles roles = Roles.of(assembled, disks);
    boolean anyCurrent = false;
    for (SimulatedDevice member : roles.inSync()) {
      boolean isCurrent = world.isInSync(member.path()) || wasRebuiltInTime(member);
      anyCurrent |= isCurrent;
      // One whose better half could not be read is taken for fresh: it cannot know.
      Violation.require(
          isCurrent || upsets.happened() > 0,
          "I10: %s is taken for a member in sync, only %s hold everything",
          member.path(),
          world.current);
    }
    Lagging.noteStart(world, roles.inSync());
    // Whoever starts in spite of what cannot be read may split it.
    world.mayBeSplit |= upsets.happened() > 0;
    return anyCurrent ? assembled : null;
  }

  /** The record that it has everything was on its way when the crash came, and has arrived. */
  private boolean wasRebuiltInTime(SimulatedDevice member) {
    for (Shape.Zone zone : zones()) {
      byte[] found = member.readNow(OnDisk.DATA + zone.start(), zone.length());
      if (!world.expected.problemAtRest(zone.start(), found, false).isEmpty()) {
        return false;
      }
    }
    world.current.add(member.path());
    return true;
  }

  private void begin(Mirror assembled) {
    noticeSource();
    Lagging.noteSource(world, roles().source());
    noteStart(assembled);
    if (random.nextBoolean()) {
      assembled.setMemberTimeoutNanos(HASTY_NANOS);
    }
    if (random.nextInt(3) == 0) {
      assembled.setCleanDelayNanos(random.nextBoolean() ? 0 : random.nextLong(5_000_000_000L));
    }
    if (random.nextInt(3) == 0) {
      // So that much can happen in the middle of a resync or recovery.
      assembled.setSyncSpeed(0, SLOW_SYNC << random.nextInt(6));
    }
    assembled.start();
    if (!dead && random.nextInt(2) == 0) {
      readAll();
    }
    if (!dead && random.nextInt(3) > 0) {
      started = true;
    }
  }

  private void noteStart(Mirror assembled) {
    ArrayStatus status = assembled.status();
    if (!Roles.of(assembled, disks).isComplete()) {
      coverage().reached(State.STARTED_WITHOUT_A_MEMBER_IN_SYNC);
    }
    if (status.bitmap().dirtyChunks() == 0) {
      return;
    }
    coverage()
        .reached(
            status.bitmap().dirtyChunks() == status.bitmap().chunks()
                ? State.RESYNC_IN_FULL
                : State.RESYNC_BY_BITMAP);
  }

  private void readAll() {
    Clients all = clients;
    if (all != null) {
      all.readAll();
    }
  }

  private void work(Clients requests, Verbs live, Upsets upsets, int operations) {
    int verbEvery = List.of(150, 150, 40, 15).get(random.nextInt(4));
    int pauseEvery = random.nextInt(4) == 0 ? 25 : 100;
    for (int done = 0; done < operations && !dead; done++) {
      if (requests.inFlight() < world.shape.queueDepth()) {
        requests.request();
      }
      if (!dead && random.nextInt(1000) < world.shape.upsetsPerMille() * haste()) {
        upsets.now();
      }
      if (!dead && random.nextInt(live.isInTheMiddle() ? 5 : verbEvery) == 0) {
        live.now();
      }
      for (int steps = random.nextInt(14); steps > 0 && !dead; steps--) {
        idle.look(requests);
        scheduler.step();
      }
      if (random.nextInt(pauseEvery) == 0) {
        pause(random.nextLong(14) * SECOND);
      }
    }
  }

  /**
   * How much likelier a disk is upset: in the middle of a resync or recovery, where it is worst.
   */
  private int haste() {
    return running().status().sync().action() == ArrayStatus.SyncAction.IDLE ? 1 : 6;
  }

  /** Long enough for bits to be cleared and superblocks to be marked clean, or nearly. */
  void pause(long nanos) {
    Clients requests = Objects.requireNonNull(clients);
    boolean trickles = random.nextInt(3) == 0;
    long end = scheduler.elapsedNanos() + nanos;
    long next = scheduler.elapsedNanos();
    while (!dead && scheduler.elapsedNanos() < end && scheduler.step()) {
      noteProgress();
      idle.look(requests);
      if (trickles && !dead && scheduler.elapsedNanos() >= next) {
        requests.trickle();
        next = scheduler.elapsedNanos() + TRICKLE_NANOS;
      }
    }
  }

  private void noteProgress() {
    ArrayStatus status = roles().status();
    checkComparison(status);
    if (status.bitmap().dirtyChunks() == 0) {
      coverage().reached(State.BITS_CLEARED);
    }
    if (status.bitmap().kind() == ArrayStatus.BitmapKind.KICKED) {
      coverage().reached(State.BITMAP_KICKED);
    }
    if (status.state() == ArrayStatus.State.BROKEN) {
      coverage().reached(State.ARRAY_BROKEN);
    }
  }

  /** A check goes where nothing is in doubt: there members are the same. */
  private void checkComparison(ArrayStatus status) {
    Violation.require(
        status.mismatchBytes() == 0 || world.mayBeSplit,
        "a check finds members to differ where nothing is in doubt: %s",
        status.mismatches());
  }

  private void stop(Mirror running, Clients requests, Upsets upsets) {
    upsets.healAll();
    if (random.nextInt(4) == 0) {
      eventsToCrash = random.nextInt(40);
    }
    stopping = true;
    Outcome outcome = new Outcome();
    Expected.Flush flush = world.expected.beginFlush();
    boolean quiet = requests.inFlight() == 0;
    running.stop(outcome);
    if (!dead && random.nextInt(3) == 0) {
      requests.request();
    }
    runUntil(() -> dead || outcome.done(), "the array does not stop");
    if (dead) {
      coverage().reached(State.CRASH_DURING_CLEAN_STOP);
      runUntil(outcome::done, "the array does not stop on disks that fail");
      return;
    }
    if (outcome.succeeded() && quiet) {
      checks.flushed(flush);
      flush.succeeded();
    }
    coverage().reached(State.CLEAN_STOP);
    checkComparison(running.status());
    runUntil(() -> requests.inFlight() == 0, "a request is left unanswered by a stop");
    scheduler.runUntilIdle();
    leftovers.check(running, disks);
    end(false);
  }

  /** On disks that fail every request: all that was asked must still be answered. */
  private void playToTheEnd(Mirror running, Clients requests) {
    Verbs live = verbs;
    runUntil(
        () -> requests.inFlight() == 0 && (live == null || live.inFlight() == 0),
        "a request is left unanswered");
    if (!stopping) {
      stopping = true;
      Outcome outcome = new Outcome();
      running.stop(outcome);
      runUntil(outcome::done, "the array does not stop on disks that fail");
    }
    scheduler.runUntilIdle();
    leftovers.check(running, disks);
  }

  private void runUntil(BooleanSupplier done, String otherwise) {
    long end = scheduler.elapsedNanos() + PATIENCE_NANOS;
    while (!done.getAsBoolean()) {
      Violation.require(
          scheduler.elapsedNanos() < end && scheduler.step(),
          "%s (%s)",
          otherwise,
          dead ? "after a crash" : "while all goes on");
    }
  }

  // Its end.

  /** Called at every event on a disk. */
  void crashIfItIsTime() {
    if (--eventsToCrash < 0 && !dead) {
      crash(random.nextBoolean());
    }
  }

  private void crash(boolean cacheLost) {
    CrashStates.noteDisks(coverage(), memberWatches, fileWatches);
    if (mirror != null) {
      CrashStates.noteArray(world, roles(), started, checks, verbs);
    }
    boolean lost = cacheLost || isDataLost();
    world.tally.crashes++;
    coverage().reached(lost ? State.POWER_CUT : State.PROCESS_KILL);
    dead = true;
    end(lost);
    disks
        .all()
        .forEach(device -> {
          device.releaseAbandoned();
          device.disappear();
        });
  }

  /** The error of that flush was told to a process that is gone: nobody can know any more. */
  private boolean isDataLost() {
    return mirror != null && checks.superblocks().isLostDataUnrecorded();
  }

  private void end(boolean cacheLost) {
    if (!cacheLost && !dead) {
      cacheLost = random.nextBoolean() || isDataLost();
    }
    world.cacheLost = cacheLost;
    world.expected.crash(cacheLost);
    world.tally.mix(cacheLost ? 2 : 3);
    world.disks = disks.afterCrash(world.random, cacheLost);
    Mirror ended = mirror;
    Lagging.noteEnd(world, ended == null ? null : ended.status());
  }

  private void endUnassembled() {
    if (dead) {
      scheduler.runUntilIdle();
    } else {
      end(false);
    }
  }

  static String text(@Nullable DeviceException failure) {
    return failure == null ? "" : String.valueOf(failure.getMessage());
  }
}
