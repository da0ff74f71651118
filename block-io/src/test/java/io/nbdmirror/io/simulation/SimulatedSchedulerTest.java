package io.nbdmirror.io.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.io.Scheduler.Timer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;

final class SimulatedSchedulerTest {
  private final SimulatedScheduler scheduler = new SimulatedScheduler(1);
  private final List<String> ran = new ArrayList<>();

  @Test
  void tasksRunInTheOrderGivenAndOnlyWhenAsked() {
    scheduler.execute(() -> ran.add("a"));
    scheduler.execute(() -> ran.add("b"));
    assertThat(ran).isEmpty();
    assertThat(scheduler.step()).isTrue();
    assertThat(ran).containsExactly("a");
    scheduler.runUntilIdle();
    assertThat(ran).containsExactly("a", "b");
    assertThat(scheduler.step()).isFalse();
  }

  @Test
  void timersOfOneInstantRunInTheOrderTheyWereSet() {
    scheduler.schedule(() -> ran.add("late"), 20);
    scheduler.schedule(() -> ran.add("first"), 10);
    scheduler.schedule(() -> ran.add("second"), 10);
    scheduler.advance(15);
    assertThat(ran).containsExactly("first", "second");
    scheduler.advance(5);
    assertThat(ran).containsExactly("first", "second", "late");
  }

  @Test
  void timePassesOnlyByAdvancing() {
    long before = scheduler.nanoTime();
    long wall = scheduler.wallClockMicros();
    scheduler.advance(3_000);
    assertThat(scheduler.nanoTime() - before).isEqualTo(3_000);
    assertThat(scheduler.wallClockMicros() - wall).isEqualTo(3);
  }

  @Test
  void aCancelledTimerNeverRuns() {
    Timer timer = scheduler.schedule(() -> ran.add("never"), 10);
    timer.cancel();
    timer.cancel();
    scheduler.advance(100);
    assertThat(ran).isEmpty();
    assertThat(scheduler.waiting()).isZero();
  }

  @Test
  void idleMeansNoTaskWaitsWhateverTimersDo() {
    scheduler.schedule(() -> ran.add("timer"), 1_000);
    scheduler.execute(() -> scheduler.execute(() -> ran.add("nested")));
    scheduler.runUntilIdle();
    assertThat(ran).containsExactly("nested");
    assertThat(scheduler.waiting()).isEqualTo(1);
  }

  @Test
  void anotherThreadIsRefused() throws Exception {
    FutureTask<Boolean> inLoop = new FutureTask<>(scheduler::inLoop);
    FutureTask<Boolean> refused =
        new FutureTask<>(() -> {
          assertThatThrownBy(() -> scheduler.execute(() -> {})).isInstanceOf(AssertionError.class);
          return true;
        });
    Thread other =
        Thread.ofPlatform()
            .start(() -> {
              inLoop.run();
              refused.run();
            });
    other.join();
    assertThat(inLoop.get()).isFalse();
    assertThat(refused.get()).isTrue();
    assertThat(scheduler.inLoop()).isTrue();
  }

  @Test
  void waitingForWhatNeverComesIsAnError() {
    assertThatThrownBy(() -> scheduler.runUntil(() -> false)).isInstanceOf(AssertionError.class);
  }
}
