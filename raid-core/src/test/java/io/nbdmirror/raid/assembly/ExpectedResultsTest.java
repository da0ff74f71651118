package io.nbdmirror.raid.assembly;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.simulation.Latency;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.vectors.Vectors;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Members written by hand to the format, and what Linux makes of them ({@code expected.tsv}): two
 * of 16 MiB, the data of one all 'P' and of the other all 'Q', so that copies can be seen.
 */
class ExpectedResultsTest {
  private static final int DATA_OFFSET = 1 << 20;
  private static final int CHUNK = 64 << 10;
  private static final int CHUNKS = 15 << 20 >> 16;
  private static final long SECOND = 1_000_000_000L;

  private final SimulatedScheduler scheduler = new SimulatedScheduler(1);
  private final List<SimulatedDevice> devices = new ArrayList<>();
  private @Nullable AssemblyException refusal;

  @ParameterizedTest
  @CsvSource({"J0, none", "J1, all", "J2, 3", "J6, all"})
  void bothMembersStartAndTheChunksInDoubtAreCopiedFromTheFirst(String name, String chunks) {
    Mirror mirror = assemble(name, false);
    assertThat(mirror.status().members())
        .extracting(ArrayStatus.Member::role)
        .containsOnly(ArrayStatus.Role.IN_SYNC);
    scheduler.advance(60 * SECOND);
    assertThat(copiedTo(1)).isEqualTo(expected(chunks));
    assertThat(holding(0, 'P')).as("the source").hasSize(CHUNKS);
    assertThat(mirror.status().bitmap().dirtyChunks()).as("bits have drained").isZero();
  }

  @Test
  void aMemberTwoEventsBehindIsLeftOut() {
    assertThat(refusalOf("J3")).contains("stale").contains("--degraded");
    Mirror mirror = assemble("J3", true);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.DEGRADED);
    scheduler.advance(60 * SECOND);
    assertThat(copiedTo(1)).isEmpty();
    assertThat(mirror.status().bitmap().dirtyChunks()).as("kept for a re-add").isPositive();
    SimulatedDevice back = devices.get(1).reopen(scheduler);
    devices.set(1, back);
    mirror.membership().reAdd(back, failure -> assertThat(failure).isNull());
    scheduler.advance(60 * SECOND);
    assertThat(copiedTo(1)).containsExactly(3);
    assertThat(mirror.status().state()).isEqualTo(ArrayStatus.State.CLEAN);
  }

  @Test
  void aMemberWhoseRecoveryByBitmapWasInterruptedIsRecoveredByBitmap() {
    Mirror mirror = assemble("J4", false);
    assertThat(mirror.status().members())
        .extracting(ArrayStatus.Member::role)
        .containsExactly(ArrayStatus.Role.IN_SYNC, ArrayStatus.Role.REBUILDING);
    scheduler.advance(60 * SECOND);
    assertThat(copiedTo(1)).containsExactly(3, 5);
    assertThat(mirror.status().members())
        .extracting(ArrayStatus.Member::role)
        .containsOnly(ArrayStatus.Role.IN_SYNC);
    assertThat(mirror.status().bitmap().dirtyChunks()).as("bits have drained").isZero();
  }

  @Test
  void anotherArraysBitmapKeepsTheArrayFromStarting() {
    assertThat(refusalOf("J5")).contains("belongs to array");
  }

  private static Set<Integer> expected(String chunks) {
    Set<Integer> set = new TreeSet<>();
    for (int chunk = 0; chunk < CHUNKS; chunk++) {
      if (chunks.equals("all") || chunks.equals("" + chunk)) {
        set.add(chunk);
      }
    }
    return set;
  }

  private Mirror assemble(String name, boolean degraded) {
    AtomicReference<@Nullable Mirror> answer = new AtomicReference<>();
    load(name);
    Assembly.assemble(
        List.<BlockDevice>copyOf(devices),
        null,
        degraded,
        false,
        scheduler,
        (mirror, failure) -> {
          answer.set(mirror);
          refusal = failure;
        });
    scheduler.runUntilIdle();
    Mirror mirror = answer.get();
    if (mirror == null) {
      throw new AssertionError("refused: " + refusal);
    }
    mirror.start();
    return mirror;
  }

  private String refusalOf(String name) {
    try {
      assemble(name, false);
    } catch (AssertionError e) {
      return String.valueOf(e.getMessage());
    }
    throw new AssertionError(name + " was not refused");
  }

  private void load(String name) {
    devices.clear();
    for (int slot = 0; slot < 2; slot++) {
      byte[] image = Vectors.bytes("%s.m%d.img.gz".formatted(name, slot));
      SimulatedDevice device =
          new SimulatedDevice(
              SimulatedDisk.of("m" + slot, image.length).withLatency(Latency.LATER),
              scheduler,
              slot);
      ByteBuf bytes = Unpooled.directBuffer(image.length).writeBytes(image);
      device.write(0, bytes, 0, image.length, true, failure -> assertThat(failure).isNull());
      scheduler.runUntilIdle();
      bytes.release();
      devices.add(device);
    }
  }

  /** Chunks of a member that have the other's data. */
  private Set<Integer> copiedTo(int slot) {
    return holding(slot, 'P');
  }

  private Set<Integer> holding(int slot, char fill) {
    Set<Integer> chunks = new TreeSet<>();
    for (int chunk = 0; chunk < CHUNKS; chunk++) {
      byte[] data = devices.get(slot).readNow(DATA_OFFSET + (long) chunk * CHUNK, CHUNK);
      boolean all = true;
      for (byte each : data) {
        all &= each == fill;
      }
      if (all) {
        chunks.add(chunk);
      }
    }
    return chunks;
  }
}
