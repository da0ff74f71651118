package io.nbdmirror.nbd.admin;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.nbd.array.RefusedException;
import io.nbdmirror.nbd.array.ServedArray;
import io.nbdmirror.raid.status.ArrayStatus;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Finds the array that a request is about, and makes HTTP of how it went. Waits. */
final class ArrayLookup {
  private final Control control;
  private final Duration patience;

  /**
   * @param patience how long an array's loop may take to answer before it counts as stuck
   */
  ArrayLookup(Control control, Duration patience) {
    this.control = control;
    this.patience = patience;
  }

  ServedArray array(AdminRequest request) throws AdminException {
    String name = request.variable("array");
    return control.arrays().stream()
        .filter(array -> array.isCalled(name))
        .findFirst()
        .orElseThrow(() ->
            new AdminException(
                HttpResponseStatus.NOT_FOUND,
                "no array '%s' is served here; there is %s".formatted(name, names())));
  }

  private String names() {
    List<String> names = control.arrays().stream().map(ServedArray::name).toList();
    return names.isEmpty() ? "none" : String.join(", ", names);
  }

  ArrayStatus status(ServedArray array) throws AdminException, InterruptedException {
    return answer(array, array.snapshot()).status();
  }

  /** What an array tells about itself. */
  <T> T answer(ServedArray array, CompletableFuture<T> answer)
      throws AdminException, InterruptedException {
    try {
      return answer.get(patience.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException _) {
      throw stuck(List.of(array.name()));
    } catch (ExecutionException e) {
      throw new AdminException(
          HttpResponseStatus.SERVICE_UNAVAILABLE,
          "array %s cannot tell its state: %s".formatted(array.name(), e.getCause()));
    }
  }

  AdminException stuck(List<String> names) {
    return new AdminException(
        HttpResponseStatus.SERVICE_UNAVAILABLE,
        "array %s did not answer within %d ms; its loop is stuck or overloaded"
            .formatted(String.join(", ", names), patience.toMillis()));
  }

  /** Waits for a change, for as long as it takes. A refusal is 409, a failure 500. */
  static <T> T outcome(CompletableFuture<T> change) throws AdminException, InterruptedException {
    try {
      return change.get();
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      boolean refused =
          cause instanceof RefusedException
              || (cause instanceof DeviceException failure && failure.errno() == Errno.EBUSY);
      throw new AdminException(
          refused ? HttpResponseStatus.CONFLICT : HttpResponseStatus.INTERNAL_SERVER_ERROR,
          String.valueOf(cause.getMessage()));
    }
  }
}
