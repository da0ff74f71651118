package io.nbdmirror.raid.creation;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.simulation.Operation;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SuperblockRemovalTest {
  private static final int SIZE = 16 << 20;
  private static final int DATA_AT = 4 << 20;

  private final SimulatedScheduler loop = new SimulatedScheduler(3);
  private final SimulatedDevice device = new SimulatedDevice(SimulatedDisk.of("/m", SIZE), loop, 4);
  private final byte[] data = new byte[4096];

  @BeforeEach
  void putData() {
    Arrays.fill(data, (byte) 'D');
    device.writeNow(DATA_AT, data);
  }

  private void create(int minor) {
    NewArray array =
        new NewArray(
            "a",
            new UUID(0, 7),
            minor,
            0,
            NewArray.Bitmap.INTERNAL,
            0,
            5,
            0,
            false,
            List.of(new UUID(1, 1)));
    ArrayCreation.create(
        array,
        List.of(new ArrayCreation.Slot(device, false)),
        true,
        false,
        0,
        (layout, failure) -> assertThat(failure).isNull());
    loop.runUntilIdle();
  }

  private @Nullable Exception remove() {
    AtomicReference<@Nullable Exception> answer = new AtomicReference<>();
    SuperblockRemoval.remove(device, (removed, failure) -> answer.set(failure));
    loop.runUntilIdle();
    return answer.get();
  }

  private List<Signature> found() {
    AtomicReference<@Nullable List<Signature>> found = new AtomicReference<>();
    SignatureProbe.probe(device, (signatures, failure) -> found.set(signatures));
    loop.runUntilIdle();
    return Objects.requireNonNull(found.get());
  }

  private boolean bitmapIsThere() {
    String everything = new String(device.readDurable(0, SIZE), StandardCharsets.ISO_8859_1);
    return everything.contains("bitm\4");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void leavesNeitherSuperblockNorBitmapAndKeepsTheData(int minor) {
    create(minor);
    assertThat(found()).hasSize(1);
    assertThat(bitmapIsThere()).isTrue();
    assertThat(remove()).isNull();
    assertThat(found()).isEmpty();
    assertThat(bitmapIsThere()).isFalse();
    assertThat(device.readDurable(DATA_AT, 4096)).isEqualTo(data);
  }

  @Test
  void removesEveryVersionThereIs() {
    create(2);
    byte[] old = new byte[512];
    System.arraycopy(new byte[] {(byte) 0xfc, 0x4e, 0x2b, (byte) 0xa9}, 0, old, 0, 4);
    device.writeNow(SIZE - 65536, old);
    assertThat(found()).hasSize(2);
    assertThat(remove()).isNull();
    assertThat(found()).isEmpty();
  }

  @Test
  void aBitmapOfAnotherArrayStays() {
    create(2);
    byte[] head = device.readNow(8192, 512);
    head[8] ^= 1;
    device.writeNow(8192, head);
    assertThat(remove()).isNull();
    assertThat(bitmapIsThere()).isTrue();
  }

  @Test
  void withoutASuperblockNothingIsWritten() {
    assertThat(remove())
        .isInstanceOf(CreationException.class)
        .hasMessage("/m carries no md superblock: there is nothing to zero");
    assertThat(device.trace()).noneMatch(each -> each.operation() != Operation.READ);
  }
}
