package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.assembly.Assembly;
import io.nbdmirror.raid.assembly.BitmapFile;
import io.nbdmirror.raid.simulation.Coverage.State;
import io.nbdmirror.raid.status.ArrayStatus;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Assembles copies of the disks as a crash left them, with any subset of the members, and looks at
 * what comes of it: what it reads, what the resync copies, and that members are the same after it.
 */
final class Reassembly {
  private static final int AGAIN = 3;
  private static final int PAUSES = 2000;
  private static final long PAUSE_NANOS = 100_000_000;

  private final World world;
  private final Disks disks;
  private final List<SimulatedDevice> given;
  private final boolean anyCurrent;
  private final SplittableRandom random;

  private Reassembly(
      World world, Disks disks, List<SimulatedDevice> given, SplittableRandom random) {
    this.world = world;
    this.disks = disks;
    this.given = given;
    this.random = random;
    anyCurrent = given.stream().anyMatch(device -> world.current.contains(device.path()));
  }

  /** With a random subset, and now and then several times over, each cut short by a crash. */
  static void ofSomeSubset(World world, SplittableRandom random) {
    Disks disks = world.disks.afterCrash(random, false);
    List<SimulatedDevice> candidates = Start.members(disks, List.of());
    int mask = 1 + random.nextInt((1 << candidates.size()) - 1);
    Set<String> chosen = new HashSet<>();
    for (int i = 0; i < candidates.size(); i++) {
      if ((mask & 1 << i) != 0) {
        chosen.add(candidates.get(i).path());
      }
    }
    byte[] readBefore = null;
    int times = random.nextInt(3) == 0 ? AGAIN : 1;
    for (int i = 0; i < times; i++) {
      List<SimulatedDevice> given = new ArrayList<>(disks.members);
      given.removeIf(device -> !chosen.contains(device.path()));
      byte[] read = new Reassembly(world, disks, given, random).run(i + 1 < times);
      if (read == null) {
        break;
      }
      Violation.require(
          readBefore == null || Arrays.equals(read, readBefore),
          "I4: what was read after a crash reads otherwise after the next");
      readBefore = read;
      // What a kill left in caches, a power cut may take away.
      Disks next = disks.afterCrash(random, world.cacheLost);
      end(disks);
      disks = next;
    }
    end(disks);
  }

  /** So that every buffer is given back. */
  private static void end(Disks disks) {
    disks
        .all()
        .forEach(device -> {
          device.releaseAbandoned();
          device.disappear();
        });
    disks.scheduler.runUntilIdle();
  }

  /**
   * Runs it.
   *
   * @param cutShort whether to stop in the middle of the resync
   * @return what all of it reads; null when it was refused
   */
  private byte @Nullable [] run(boolean cutShort) {
    world.tally.reassemblies++;
    Mirror mirror = assemble();
    if (mirror == null) {
      return null;
    }
    Roles roles = Roles.of(mirror, disks);
    if (!anyCurrent) {
      world.tally.coverage.reached(State.STALE_MEMBER_ALONE);
    } else if (roles.inSync().size() < given.size()) {
      world.tally.coverage.reached(State.STALE_MEMBER_LEFT_OUT);
    }
    long toCopy = toCopy(mirror, roles);
    mirror.start();
    byte[] during = readAll(mirror);
    if (cutShort) {
      for (int steps = random.nextInt(60); steps > 0; steps--) {
        disks.scheduler.step();
      }
    } else {
      finishSync(mirror);
      byte[] after = readAll(mirror);
      Violation.require(
          Arrays.equals(during, after), "I4: reads during and after the resync are not the same");
      checkEnd(mirror, toCopy);
    }
    return during;
  }

  /** It pauses now and then, to make way for clients. */
  private void finishSync(Mirror mirror) {
    disks.scheduler.runUntilIdle();
    for (int pause = 0; pause < PAUSES && isSyncing(mirror); pause++) {
      disks.scheduler.advance(PAUSE_NANOS);
      disks.scheduler.runUntilIdle();
    }
    Violation.require(!isSyncing(mirror), "a resync or recovery does not end on good disks");
  }

  private static boolean isSyncing(Mirror mirror) {
    return mirror.status().sync().action() != ArrayStatus.SyncAction.IDLE;
  }

  private @Nullable Mirror assemble() {
    AssemblyOutcome outcome = new AssemblyOutcome();
    SimulatedDevice file = Start.fileFor(given, disks, world, random);
    Assembly.assemble(
        List.<BlockDevice>copyOf(given),
        file == null ? null : new BitmapFile(file, true),
        true,
        false,
        disks.scheduler,
        outcome);
    disks.scheduler.runUntilIdle();
    if (outcome.mirror() == null && anyCurrent) {
      new Start(given, file, true, world.tally.coverage).checkRefusal(outcome.refusal(), false);
    }
    return outcome.mirror();
  }

  /**
   * The most that may be copied: by a resync what the set bits stand for, to every member but one;
   * by a recovery the same once more, and all of the array to those that no bitmap guides.
   */
  private long toCopy(Mirror mirror, Roles roles) {
    long marked =
        Math.min(
            mirror.bitmap().dirtyChunks() * mirror.bitmap().geometry().chunkBytes(),
            mirror.sizeBytes());
    long most = marked * Math.max(0, roles.inSync().size() + roles.rebuilding().size() - 1);
    for (SimulatedDevice member : roles.rebuilding()) {
      most += marked + (isGuided(member, mirror) ? 0 : mirror.sizeBytes());
    }
    return most + spares(roles) * (marked + mirror.sizeBytes());
  }

  /** Whether a bitmap tells what it lacks: it was given one, and has not been away since. */
  private boolean isGuided(SimulatedDevice member, Mirror mirror) {
    OnDisk own = OnDisk.of(member);
    return own.isGuidedByBitmap()
        && mirror.status().bitmap().kind() != ArrayStatus.BitmapKind.NONE
        && given.stream().noneMatch(other -> OnDisk.of(other).events() > own.events() + 1);
  }

  private static long spares(Roles roles) {
    return roles.status().members().stream()
        .filter(member -> member.role() == ArrayStatus.Role.SPARE)
        .count();
  }

  private byte[] readAll(Mirror mirror) {
    List<Shape.Zone> zones = world.zones(mirror.sizeBytes());
    int length = zones.stream().mapToInt(Shape.Zone::length).sum();
    byte[] all = new byte[length];
    SimulatedDevice source = Roles.of(mirror, disks).source();
    boolean sameSource = source != null && source.path().equals(world.source);
    int at = 0;
    for (Shape.Zone zone : zones) {
      ByteBuf buffer = Unpooled.directBuffer(zone.length(), zone.length());
      boolean[] done = new boolean[1];
      mirror.read(
          zone.start(),
          buffer,
          0,
          zone.length(),
          failure -> {
            done[0] = true;
            Violation.require(
                failure == null, "a read fails on good disks: %s", Life.text(failure));
          });
      disks.scheduler.runUntil(() -> done[0]);
      byte[] found = new byte[zone.length()];
      buffer.getBytes(0, found);
      buffer.release();
      if (anyCurrent && !Lagging.areAll(world, mirror, disks)) {
        String problem = world.expected.problemAtRest(zone.start(), found, sameSource);
        Violation.require(problem.isEmpty(), "reassembled, it reads what it must not: %s", problem);
      }
      System.arraycopy(found, 0, all, at, found.length);
      at += found.length;
    }
    return all;
  }

  private void checkEnd(Mirror mirror, long toCopy) {
    Roles roles = Roles.of(mirror, disks);
    for (SimulatedDevice member : roles.inSync()) {
      List<Long> differences =
          roles.inSync().getFirst().differences(member, OnDisk.DATA, mirror.sizeBytes());
      Violation.require(
          differences.isEmpty(),
          "I1: after the resync %s and %s differ at %s",
          roles.inSync().getFirst().path(),
          member.path(),
          differences);
    }
    long copied = mirror.status().sync().copiedBytes();
    Violation.require(
        copied <= toCopy,
        "resync and recovery copied %d bytes where bits allow %d",
        copied,
        toCopy);
    world.tally.bytesCopied += copied;
    world.tally.coverage.reached(State.RESYNC_FINISHED);
  }
}
