package io.nbdmirror.raid.simulation;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.simulation.Coverage.State;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** Several clients' requests, drawn from the seed, and the checks of what they are answered. */
final class Clients {
  private static final int BLOCK = 4096;
  private static final int SMALL = 16 << 10;
  private static final PooledByteBufAllocator BUFFERS = new PooledByteBufAllocator(true);

  private final Life life;
  private final Mirror mirror;
  private final Expected expected;
  private final SplittableRandom random;
  private int inFlight;

  Clients(Life life, Mirror mirror, World world, SplittableRandom random) {
    this.life = life;
    this.mirror = mirror;
    expected = world.expected;
    this.random = random;
  }

  int inFlight() {
    return inFlight;
  }

  /** One more request of any kind. */
  void request() {
    life.tally().operations++;
    life.noticeSource();
    int draw = random.nextInt(100);
    if (draw < 56) {
      write();
    } else if (draw < 76) {
      Shape.Zone zone = zone();
      int length = length(zone);
      read(zone.start() + random.nextInt(zone.length() - length + 1), length);
    } else if (draw < 84) {
      flush();
    } else if (draw < 91) {
      zeroes();
    } else if (draw < 96) {
      discard();
    } else if (draw < 97) {
      readAll();
    } else {
      read(zone().start(), 1 + random.nextInt(BLOCK));
    }
  }

  private Shape.Zone zone() {
    List<Shape.Zone> zones = life.zones();
    return zones.get(random.nextInt(zones.size()));
  }

  private int length(Shape.Zone zone) {
    int limit = random.nextInt(12) == 0 ? zone.length() : Math.min(zone.length(), SMALL);
    int length = (1 + random.nextInt(limit)) >> random.nextInt(6);
    return Math.max(1, length);
  }

  /** A range: mostly whole sectors, often near the zone's start, so that requests overlap. */
  private long[] range() {
    Shape.Zone zone = zone();
    int length = length(zone);
    int room = zone.length() - length + 1;
    long start =
        zone.start() + random.nextInt(random.nextInt(3) == 0 ? Math.min(room, BLOCK) : room);
    long end = start + length;
    if (random.nextInt(5) > 0 || !expected.isKnown(start, length)) {
      start = start / Pattern.SECTOR * Pattern.SECTOR;
      end = (end + Pattern.SECTOR - 1) / Pattern.SECTOR * Pattern.SECTOR;
    } else if (start % Pattern.SECTOR != 0 || end % Pattern.SECTOR != 0) {
      life.coverage().reached(State.PART_OF_A_SECTOR_WRITTEN);
    }
    return new long[] {start, end - start};
  }

  private void write() {
    write(range(), random.nextInt(8) == 0);
  }

  /** A sector in one place, so that an array is never quiet while the rest of it is. */
  void trickle() {
    if (inFlight == 0) {
      life.tally().operations++;
      life.noticeSource();
      write(new long[] {0, Pattern.SECTOR}, false);
    }
  }

  private void write(long[] range, boolean fua) {
    int length = (int) range[1];
    Expected.Change change = expected.begin(range[0], length, false);
    ByteBuf data = buffer(length);
    change.fill(data);
    begin();
    mirror.write(
        range[0],
        data,
        0,
        length,
        fua,
        failure -> {
          changed(change, fua, failure, "a write");
          data.release();
        });
  }

  private void zeroes() {
    long[] range = range();
    boolean fua = random.nextInt(4) == 0;
    boolean mayDiscard = random.nextBoolean();
    Expected.Change change = expected.begin(range[0], range[1], true);
    begin();
    mirror.writeZeroes(
        range[0], range[1], mayDiscard, fua, failure -> changed(change, fua, failure, "a zeroing"));
  }

  /** Trims whole blocks of the coarsest kind, so that all of the range must read as zeroes. */
  private void discard() {
    long[] range = range();
    long start = range[0] / BLOCK * BLOCK;
    long length = Math.max(BLOCK, range[1] / BLOCK * BLOCK);
    boolean fua = random.nextInt(4) == 0;
    begin();
    if (mirror.discards()) {
      Expected.Change change = expected.begin(start, length, true);
      mirror.discard(start, length, fua, failure -> changed(change, fua, failure, "a trim"));
    } else {
      // Nothing is done then, so nothing is promised.
      mirror.discard(start, length, fua, failure -> ends("a trim", failure));
    }
  }

  private void changed(
      Expected.Change change, boolean fua, @Nullable DeviceException failure, String what) {
    if (!ends(what, failure)) {
      return;
    }
    if (failure == null) {
      // The rest of its first and last sector may be from another member than was read.
      life.noticeSource();
      change.succeeded(fua);
      life.checks().changed(change, fua);
    } else {
      change.failed();
    }
  }

  private void flush() {
    Expected.Flush flush = expected.beginFlush();
    begin();
    mirror.flush(failure -> {
      if (ends("a flush", failure) && failure == null) {
        flush.succeeded();
        life.checks().flushed(flush);
      }
    });
  }

  /** Every byte that clients use. */
  void readAll() {
    life.noticeSource();
    for (Shape.Zone zone : life.zones()) {
      read(zone.start(), zone.length());
    }
  }

  private void read(long offset, int length) {
    Expected.Reading reading = expected.beginRead(offset, length);
    readInto(buffer(length), reading);
  }

  private void readInto(ByteBuf buffer, Expected.Reading reading) {
    begin();
    mirror.read(
        reading.offset,
        buffer,
        0,
        reading.length,
        failure -> {
          if (failure != null && failure.errno() == Errno.ETIMEDOUT) {
            // The member that hung may still write to that buffer.
            inFlight--;
            readInto(buffer(reading.length), reading);
          } else if (ends("a read", failure)) {
            wasRead(reading, buffer, failure);
          }
          buffer.release();
        });
  }

  private void wasRead(
      Expected.Reading reading, ByteBuf buffer, @Nullable DeviceException failure) {
    life.noticeSource();
    if (failure == null) {
      byte[] found = new byte[reading.length];
      buffer.getBytes(0, found);
      String problem = reading.returned(found);
      Violation.require(problem.isEmpty(), "a read returned what it must not: %s", problem);
    } else {
      reading.failed();
    }
  }

  private void begin() {
    if (++inFlight > 1) {
      life.coverage().reached(State.OVERLAPPING_WRITES_IN_FLIGHT);
    }
  }

  /** Whether the answer counts: a client of a machine that is gone hears nothing. */
  private boolean ends(String what, @Nullable DeviceException failure) {
    inFlight--;
    if (life.isDead()) {
      return false;
    }
    life.tally().mix(failure == null ? 1 : failure.errno());
    if (failure != null && failure.errno() == Errno.ESHUTDOWN) {
      Violation.require(life.isStopping(), "%s is refused though nobody stops the array", what);
      life.coverage().reached(State.REQUEST_REFUSED_WHILE_STOPPING);
    } else if (failure != null && failure.errno() == Errno.ENOSPC) {
      // No member had room: the write may be on some of them in part.
      life.coverage().reached(State.NO_ROOM_ON_ANY_MEMBER);
    } else if (failure != null) {
      life.coverage().reached(State.ERROR_ON_THE_LAST_MEMBER);
      life.checks().atFailure(what, String.valueOf(failure.getMessage()));
    }
    return true;
  }

  /** Of its own, so that what the engine holds can be counted in the allocator it uses. */
  private static ByteBuf buffer(int length) {
    return BUFFERS.directBuffer(length, length);
  }
}
