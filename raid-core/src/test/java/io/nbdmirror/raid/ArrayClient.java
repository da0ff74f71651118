package io.nbdmirror.raid;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Makes requests of an array and, in virtual time, waits for their answers. */
final class ArrayClient {
  /** Longer than any pause, and more of them than there are requests in a row. */
  private static final long PAUSE_NANOS = 5_000_000;

  private static final int PAUSES = 50;
  private final TestArray array;
  private final Mirror mirror;

  ArrayClient(TestArray array, Mirror mirror) {
    this.array = array;
    this.mirror = mirror;
  }

  /** Fills the range with one value; null when it was done. */
  @Nullable DeviceException write(long offset, int length, int value) {
    AtomicReference<@Nullable DeviceException> answer = submit(offset, length, value);
    settle();
    return answer.get();
  }

  /** As {@link #write}, without waiting. */
  AtomicReference<@Nullable DeviceException> submit(long offset, int length, int value) {
    AtomicReference<@Nullable DeviceException> answer = unanswered();
    mirror.write(offset, filled(length, value), 0, length, false, answer::set);
    return answer;
  }

  @Nullable DeviceException writeZeroes(long offset, long length) {
    return await(done -> mirror.writeZeroes(offset, length, true, false, done));
  }

  @Nullable DeviceException discard(long offset, long length) {
    return await(done -> mirror.discard(offset, length, false, done));
  }

  @Nullable DeviceException flush() {
    return await(mirror::flush);
  }

  @Nullable DeviceException stop() {
    return await(mirror::stop);
  }

  byte[] read(long offset, int length) {
    ByteBuf buffer = Unpooled.directBuffer(length, length);
    assertThat(await(done -> mirror.read(offset, buffer, 0, length, done))).isNull();
    byte[] bytes = new byte[length];
    buffer.getBytes(0, bytes);
    return bytes;
  }

  /** The same read several times, all in flight together; only until all are answered. */
  List<byte[]> readAtOnce(int count, long offset, int length) {
    List<byte[]> answers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      ByteBuf buffer = Unpooled.directBuffer(length, length);
      mirror.read(
          offset,
          buffer,
          0,
          length,
          failure -> {
            byte[] bytes = new byte[length];
            buffer.getBytes(0, bytes);
            answers.add(failure == null ? bytes : new byte[0]);
          });
    }
    array.scheduler.runUntil(() -> answers.size() == count);
    return answers;
  }

  private @Nullable DeviceException await(Consumer<Completion> request) {
    AtomicReference<@Nullable DeviceException> answer = unanswered();
    request.accept(answer::set);
    settle();
    return answer.get();
  }

  /** Until nothing is under way, the pauses between the bitmap's commits with it. */
  void settle() {
    array.scheduler.runUntilIdle();
    for (int pause = 0; pause < PAUSES; pause++) {
      array.scheduler.advance(PAUSE_NANOS);
      array.scheduler.runUntilIdle();
    }
  }

  /** To be set by a completion; until then it holds a failure that says "no answer". */
  static AtomicReference<@Nullable DeviceException> unanswered() {
    return new AtomicReference<>(new DeviceException(0, "no answer"));
  }

  static ByteBuf filled(int length, int value) {
    ByteBuf data = Unpooled.directBuffer(length, length);
    for (int i = 0; i < length; i++) {
      data.writeByte(value);
    }
    return data;
  }
}
