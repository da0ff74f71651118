package io.nbdmirror.raid;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.simulation.Outcome;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.raid.assembly.Assembly;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.MemberInspection;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Members and bitmaps whose superblocks, bits and bad-block logs hold any bytes at all: each is
 * looked at and assembled without an exception; what is refused is refused with a sentence, and
 * nothing was written; what is taken works.
 *
 * <p>As a test this plays the inputs that are kept beside it. {@code scripts/fuzz} looks for new
 * ones, guided by what they reach in the code.
 */
class AnyMetadataFuzzTest {
  private static final int SIZE = 256 << 10;
  private static final int CHUNK = 16 << 10;
  private static final int PAGE = 4096;
  private static final int SECTOR = 512;

  /** Bits of the first byte: how the array looks before anything is changed. */
  private static final int CHECKSUMS_FIT = 1;

  private static final int DEGRADED = 2;
  private static final int IN_A_FILE = 4;
  private static final int BAD_BLOCK_LOGS = 8;
  private static final int ONE_MEMBER = 16;

  /** A byte that is changed: where, in two bytes, and what it becomes. */
  private static final int CHANGE_BYTES = 3;

  @FuzzTest
  void members(byte[] bytes) {
    int kind = bytes.length == 0 ? 0 : bytes[0];
    TestArray array =
        (kind & IN_A_FILE) != 0
            ? TestArray.withBitmapFile(1, 2, SIZE, CHUNK)
            : new TestArray(1, 2, SIZE, CHUNK);
    if ((kind & BAD_BLOCK_LOGS) != 0) {
      array.giveBadBlockLogs();
    }
    for (int at = 1; at + CHANGE_BYTES <= bytes.length; at += CHANGE_BYTES) {
      change(array, ((bytes[at] & 0xff) << 8) | (bytes[at + 1] & 0xff), bytes[at + 2]);
    }
    if ((kind & CHECKSUMS_FIT) != 0) {
      array.devices.forEach(AnyMetadataFuzzTest::fitChecksum);
    }
    List<SimulatedDevice> given =
        (kind & ONE_MEMBER) != 0 ? array.devices.subList(0, 1) : array.devices;
    given.forEach(device -> inspect(array, device));
    assemble(array, given, (kind & DEGRADED) != 0);
  }

  /**
   * Superblock, bitmap and bad-block log of the first member, then of the second, then the file.
   */
  private static void change(TestArray array, int where, byte value) {
    int page = where / PAGE;
    int offset = where % PAGE;
    SimulatedDevice file = array.bitmapDevice();
    if (page < 6) {
      SimulatedDevice device = array.devices.get(page / 3);
      long[] starts = {PAGE, TestArray.BITMAP_OFFSET_BYTES, TestArray.BAD_BLOCK_LOG_BYTES};
      put(device, starts[page % 3] + offset, value);
    } else if (file != null && offset < file.sizeBytes()) {
      put(file, offset, value);
    }
  }

  private static void put(SimulatedDevice device, long offset, byte value) {
    long start = offset / SECTOR * SECTOR;
    byte[] sector = device.readNow(start, SECTOR);
    sector[(int) (offset - start)] = value;
    device.writeNow(start, sector);
  }

  private static void fitChecksum(SimulatedDevice device) {
    byte[] page = device.readNow(PAGE, MdSuperblock.BYTES);
    MdSuperblock superblock = MdSuperblock.wrap(ByteBuffer.wrap(page));
    if (Integer.compareUnsigned(superblock.maxDev(), MdSuperblock.MAX_DEV_LIMIT) > 0) {
      // It would not fit the superblock, and has no checksum.
      return;
    }
    superblock.updateChecksum();
    ByteBuffer out = ByteBuffer.allocate(MdSuperblock.BYTES);
    superblock.copyTo(out, 0, MdSuperblock.BYTES);
    device.writeNow(PAGE, out.array());
  }

  private static void inspect(TestArray array, SimulatedDevice device) {
    List<Object> answers = new ArrayList<>();
    MemberInspection.of(
        device,
        (inspection, failure) ->
            answers.add(
                inspection == null
                    ? Objects.requireNonNull(Objects.requireNonNull(failure).getMessage())
                    : inspection));
    array.scheduler.runUntilIdle();
    require(answers.size() == 1, "looking at a member gives " + answers);
  }

  private static void assemble(TestArray array, List<SimulatedDevice> given, boolean degraded) {
    List<@Nullable Mirror> answers = new ArrayList<>();
    long changesBefore = changes(array);
    Assembly.assemble(
        List.<BlockDevice>copyOf(given),
        array.bitmapFile(),
        degraded,
        false,
        array.scheduler,
        (mirror, failure) -> {
          require(
              (mirror == null)
                  == (failure != null && !String.valueOf(failure.getMessage()).isBlank()),
              "assembly answers with both, with neither or without a sentence");
          answers.add(mirror);
        });
    array.scheduler.runUntilIdle();
    require(answers.size() == 1, "assembly gives " + answers.size() + " answers");
    require(changes(array) == changesBefore, "assembly has written before the array was started");
    Mirror mirror = answers.getFirst();
    if (mirror != null) {
      use(array, mirror);
    }
  }

  private static long changes(TestArray array) {
    return array.allDevices().stream()
        .flatMap(device -> device.trace().stream())
        .filter(event -> event.operation().changes())
        .count();
  }

  private static void use(TestArray array, Mirror mirror) {
    mirror.start();
    array.scheduler.runUntilIdle();
    int length = (int) Math.min(PAGE, mirror.sizeBytes());
    byte[] content = new byte[length];
    content[0] = 7;
    Outcome write = new Outcome();
    mirror.write(0, Unpooled.wrappedBuffer(direct(content)), 0, length, true, write);
    array.scheduler.runUntilIdle();
    require(write.done(), "a write is not answered");
    ByteBuf target = Unpooled.directBuffer(length, length).writerIndex(length);
    List<@Nullable DeviceException> read = new ArrayList<>();
    mirror.read(0, target, 0, length, read::add);
    array.scheduler.runUntilIdle();
    require(read.size() == 1, "a read is not answered once");
    require(
        !write.succeeded() || read.getFirst() != null || target.getByte(0) == 7,
        "what was written is not read");
    target.release();
    Outcome stop = new Outcome();
    mirror.stop(stop);
    array.scheduler.runUntilIdle();
    require(stop.done(), "the array does not stop");
  }

  private static ByteBuffer direct(byte[] bytes) {
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
  }

  private static void require(boolean holds, String problem) {
    if (!holds) {
      throw new AssertionError(problem);
    }
  }
}
