package io.nbdmirror.nbd.array;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What all arrays answered when they were asked at the same time. Immutable.
 *
 * @param answered in the order of the arrays
 * @param silent names of those whose loop did not answer in time
 */
public record ArrayPoll(List<ArraySnapshot> answered, List<String> silent) {
  private static final Logger log = LoggerFactory.getLogger(ArrayPoll.class);

  public ArrayPoll {
    answered = List.copyOf(answered);
    silent = List.copyOf(silent);
  }

  /**
   * Asks them all. Blocks the calling thread, which must not be a loop, for no longer than {@code
   * patience}.
   */
  public static ArrayPoll of(List<ServedArray> arrays, Duration patience)
      throws InterruptedException {
    long deadlineNanos = System.nanoTime() + patience.toNanos();
    Map<ServedArray, CompletableFuture<ArraySnapshot>> questions = new LinkedHashMap<>();
    arrays.forEach(array -> questions.put(array, array.snapshot()));
    List<ArraySnapshot> answered = new ArrayList<>();
    List<String> silent = new ArrayList<>();
    for (Map.Entry<ServedArray, CompletableFuture<ArraySnapshot>> question : questions.entrySet()) {
      try {
        answered.add(
            question
                .getValue()
                .get(Math.max(0, deadlineNanos - System.nanoTime()), TimeUnit.NANOSECONDS));
      } catch (TimeoutException _) {
        silent.add(question.getKey().name());
      } catch (ExecutionException e) {
        log.warn("array {} cannot tell its state", question.getKey().name(), e.getCause());
        silent.add(question.getKey().name());
      }
    }
    return new ArrayPoll(answered, silent);
  }
}
