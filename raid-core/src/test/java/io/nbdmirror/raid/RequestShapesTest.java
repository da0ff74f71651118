package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.simulation.Latency;
import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedFault;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests of every size and alignment, alone and on top of one another. */
class RequestShapesTest {
  private static final int SIZE = 1 << 20;
  private static final int CHUNK = 64 << 10;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void randomRequestsReadBackWhatAPlainArrayWouldHold(long seed) {
    TestArray array = new TestArray(seed, 3, SIZE, CHUNK);
    Mirror mirror = array.assemble();
    ArrayClient client = new ArrayClient(array, mirror);
    byte[] expected = new byte[SIZE];
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 1; i <= 300; i++) {
      int length = 1 + random.nextInt(random.nextInt(4) == 0 ? 70_000 : 1500);
      int offset = random.nextInt(SIZE - length);
      switch (random.nextInt(4)) {
        case 0 -> {
          assertThat(client.writeZeroes(offset, length)).isNull();
          Arrays.fill(expected, offset, offset + length, (byte) 0);
        }
        case 1 -> {
          // A read is not ordered behind writes that are not answered yet.
          client.settle();
          assertThat(Arrays.mismatch(client.read(offset, length), slice(expected, offset, length)))
              .isEqualTo(-1);
        }
        default -> {
          client.submit(offset, length, i);
          Arrays.fill(expected, offset, offset + length, (byte) i);
        }
      }
    }
    client.settle();
    assertThat(Arrays.mismatch(client.read(0, SIZE), expected)).isEqualTo(-1);
    for (int slot = 0; slot < 3; slot++) {
      assertThat(Arrays.mismatch(array.dataOf(slot), expected)).as("member %d", slot).isEqualTo(-1);
    }
  }

  /** As over a page cache: a request may be answered before the call that began it returns. */
  @ParameterizedTest
  @ValueSource(longs = {5, 6})
  void writesBegunFromTheAnswerOfTheOneBeforeKeepTheirBytes(long seed) {
    TestArray array = new TestArray(seed, 2, SIZE, CHUNK, Latency.INLINE);
    Mirror mirror = array.assemble();
    byte[] expected = new byte[SIZE];
    new WriteChain(mirror, expected, new SplittableRandom(seed)).next(null);
    array.scheduler.runUntilIdle();
    assertThat(Arrays.mismatch(array.dataOf(0), expected)).isEqualTo(-1);
    assertThat(Arrays.mismatch(array.dataOf(1), expected)).isEqualTo(-1);
  }

  /** Unaligned writes one after the other, now in a dirty chunk and now in a clean one. */
  private static final class WriteChain {
    private final Mirror mirror;
    private final byte[] expected;
    private final SplittableRandom random;
    private int written;

    WriteChain(Mirror mirror, byte[] expected, SplittableRandom random) {
      this.mirror = mirror;
      this.expected = expected;
      this.random = random;
    }

    void next(@Nullable DeviceException failure) {
      assertThat(failure).isNull();
      if (written == 200) {
        return;
      }
      written++;
      int length = 1 + random.nextInt(1500);
      int offset = random.nextInt(SIZE - length);
      Arrays.fill(expected, offset, offset + length, (byte) written);
      ByteBuf bytes = Unpooled.directBuffer(length);
      for (int i = 0; i < length; i++) {
        bytes.setByte(i, written);
      }
      mirror.write(offset, bytes, 0, length, false, this::next);
    }
  }

  private static byte[] slice(byte[] bytes, int offset, int length) {
    return Arrays.copyOfRange(bytes, offset, offset + length);
  }

  @Test
  void overlappingWritesReachEveryMemberInTheOrderTheyCame() {
    TestArray array = new TestArray(9, 2, SIZE, CHUNK, Latency.LATER);
    ArrayClient client = new ArrayClient(array, array.assemble());
    for (int i = 1; i <= 100; i++) {
      client.submit(i % 3 * 512L, 2048, i);
    }
    array.scheduler.runUntilIdle();
    assertThat(client.read(512, 1024)).as("I11").containsOnly(100);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0));
  }

  @Test
  void tenThousandWritesOfOneBlockAtOnceAreAllAnswered() {
    TestArray array = new TestArray(9, 2, SIZE, CHUNK, Latency.INLINE);
    ArrayClient client = new ArrayClient(array, array.assemble());
    array.devices.getFirst().inject(SimulatedFault.slow(1_000_000).on(Operation.WRITE).once());
    for (int i = 0; i < 10_000; i++) {
      client.submit(0, 512, i);
    }
    assertThat(client.write(0, 512, 77)).isNull();
    assertThat(client.read(0, 512)).containsOnly(77);
  }

  @Test
  void moreWritesThanAChunkCanCountWaitForTheirTurn() {
    TestArray array = new TestArray(9, 2, 64L << 20, 64 << 20, Latency.LATER);
    ArrayClient client = new ArrayClient(array, array.assemble());
    int writes = 0x3fff + 500;
    for (int i = 0; i < writes; i++) {
      client.submit(i * 512L, 512, 1);
    }
    client.settle();
    assertThat(client.read((writes - 1) * 512L, 512)).containsOnly(1);
    assertThat(client.stop()).as("no counter leaks").isNull();
    assertThat(TestArray.bit(array.devices.getFirst(), 0)).isFalse();
  }

  @Test
  void aTrimReadsAsZeroesOnEveryMember() {
    TestArray array = new TestArray(3, 2, SIZE, CHUNK);
    ArrayClient client = new ArrayClient(array, array.assemble());
    client.write(0, 65536, 5);
    assertThat(client.discard(1000, 10_000)).isNull();
    assertThat(client.read(1024, 9728)).containsOnly(0);
    assertThat(client.read(0, 1024)).containsOnly(5);
    assertThat(client.read(11_000, 1000)).containsOnly(5);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0));
  }

  @Test
  void aTrimDoesNothingWhereAMemberCannotGiveBlocksBack() {
    TestArray array =
        new TestArray(
            3,
            2,
            SIZE,
            CHUNK,
            disk -> disk.path().equals("member1") ? disk.withoutDiscard() : disk);
    ArrayClient client = new ArrayClient(array, array.assemble());
    client.write(0, 65536, 5);
    assertThat(client.discard(0, 65536)).isNull();
    assertThat(client.read(0, 65536)).as("I11").containsOnly(5);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0));
  }

  @Test
  void membersOfDifferentBlockSizesGetWholeBlocksOfTheLarger() {
    TestArray array =
        new TestArray(
            3,
            2,
            SIZE,
            CHUNK,
            disk -> disk.path().equals("member1") ? disk.withBlockBytes(4096) : disk);
    ArrayClient client = new ArrayClient(array, array.assemble());
    client.write(0, 20_000, 5);
    assertThat(client.write(5000, 512, 6)).isNull();
    assertThat(client.writeZeroes(9000, 5000)).isNull();
    assertThat(client.read(5000, 512)).containsOnly(6);
    assertThat(client.read(9000, 5000)).containsOnly(0);
    assertThat(client.read(14_000, 1000)).containsOnly(5);
    assertThat(array.dataOf(1)).isEqualTo(array.dataOf(0));
  }

  @Test
  void requestsOutsideTheArrayAreTheCallersMistake() {
    TestArray array = new TestArray(3, 2, SIZE, CHUNK);
    ArrayClient client = new ArrayClient(array, array.assemble());
    assertThatThrownBy(() -> client.write(SIZE - 1, 2, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> client.discard(Long.MAX_VALUE - 10, 100))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void afterAStopRequestsAreRefused() {
    TestArray array = new TestArray(3, 2, SIZE, CHUNK);
    ArrayClient client = new ArrayClient(array, array.assemble());
    assertThat(client.write(0, 4096, 1)).isNull();
    assertThat(client.stop()).isNull();
    DeviceException refusal = client.write(0, 4096, 2);
    assertThat(refusal).isNotNull();
    assertThat(refusal.errno()).isEqualTo(Errno.ESHUTDOWN);
  }
}
