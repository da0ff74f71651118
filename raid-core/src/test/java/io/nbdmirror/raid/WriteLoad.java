package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.SplittableRandom;

/** Several clients' worth of requests, some at once, with pauses long enough to clear bits. */
final class WriteLoad {
  private static final int REQUESTS = 60;
  private static final long SECOND = 1_000_000_000L;

  private final TestArray array;
  private final Mirror mirror;
  private final WriteHistory history;
  private final SplittableRandom random;
  private final Runnable between;
  private int unanswered;

  WriteLoad(TestArray array, Mirror mirror, WriteHistory history, long seed, Runnable between) {
    this.array = array;
    this.mirror = mirror;
    this.history = history;
    random = new SplittableRandom(seed);
    this.between = between;
  }

  /** The array may grow meanwhile. */
  private int sectors() {
    return (int) (mirror.sizeBytes() / WriteHistory.SECTOR);
  }

  void run() {
    for (int i = 0; i < REQUESTS; i++) {
      between.run();
      switch (random.nextInt(10)) {
        case 0 -> flush();
        case 1 -> zero();
        case 2 -> array.scheduler.advance(random.nextLong(12) * SECOND);
        default -> write();
      }
      if (random.nextInt(3) == 0) {
        array.scheduler.advance(random.nextLong(2_000_000));
      }
    }
    array.scheduler.advance(20 * SECOND);
    assertThat(unanswered).as("requests without an answer").isZero();
  }

  private void write() {
    int count = 1 + random.nextInt(24);
    int first = random.nextInt(sectors() - count);
    boolean fua = random.nextInt(6) == 0;
    WriteHistory.Write write = history.begin(first, count, false);
    ByteBuf data = Unpooled.directBuffer(count * WriteHistory.SECTOR);
    for (int i = 0; i < count * WriteHistory.SECTOR / 8; i++) {
      data.writeLong(write.number);
    }
    unanswered++;
    mirror.write(
        (long) first * WriteHistory.SECTOR,
        data,
        0,
        data.readableBytes(),
        fua,
        failure -> {
          assertThat(failure).isNull();
          unanswered--;
          write.acknowledged(fua);
          data.release();
        });
  }

  private void zero() {
    int count = 1 + random.nextInt(200);
    int first = random.nextInt(sectors() - count);
    boolean fua = random.nextBoolean();
    WriteHistory.Write write = history.begin(first, count, true);
    unanswered++;
    mirror.writeZeroes(
        (long) first * WriteHistory.SECTOR,
        (long) count * WriteHistory.SECTOR,
        random.nextBoolean(),
        fua,
        failure -> {
          assertThat(failure).isNull();
          unanswered--;
          write.acknowledged(fua);
        });
  }

  private void flush() {
    int[] covered = history.acknowledgedNow();
    unanswered++;
    mirror.flush(failure -> {
      assertThat(failure).isNull();
      unanswered--;
      history.durable(covered);
    });
  }
}
