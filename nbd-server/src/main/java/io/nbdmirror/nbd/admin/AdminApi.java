package io.nbdmirror.nbd.admin;

import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.array.ArrayPoll;
import io.nbdmirror.nbd.array.ArraySnapshot;
import io.nbdmirror.nbd.array.ServedArray;
import io.nbdmirror.nbd.metrics.MetricsPage;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The admin API's routes and what stands behind each. Runs on threads that may wait. */
final class AdminApi {
  private final Control control;
  private final MetricsPage metrics;
  private final Duration patience;

  /**
   * @param patience how long an array's loop may take to answer before it counts as stuck
   */
  AdminApi(Control control, MetricsPage metrics, Duration patience) {
    this.control = control;
    this.metrics = metrics;
    this.patience = patience;
  }

  AdminRoutes routes() {
    return new AdminRoutes()
        .get("/api/v1/arrays", _ -> arrays())
        .get("/api/v1/arrays/{array}", this::detail)
        .get("/api/v1/arrays/{array}/bitmap", this::bitmap)
        .get("/api/v1/clients", _ -> clients())
        .post("/api/v1/stop", this::stopAll)
        .post("/api/v1/arrays/{array}/stop", this::stopOne)
        .post("/api/v1/arrays/{array}/bitmap/add", this::addBitmap)
        .post("/api/v1/arrays/{array}/bitmap/remove", this::removeBitmap)
        .get("/metrics", _ -> metrics())
        .get("/health/live", _ -> live())
        .get("/health/ready", _ -> ready());
  }

  private AdminReply arrays() throws AdminException, InterruptedException {
    return AdminReply.json(
        new AdminDocuments.Arrays(poll().answered().stream().map(ArraySnapshot::status).toList()));
  }

  private AdminReply detail(AdminRequest request) throws AdminException, InterruptedException {
    ServedArray array = array(request);
    return told(array, array.detail());
  }

  private AdminReply bitmap(AdminRequest request) throws AdminException, InterruptedException {
    ServedArray array = array(request);
    return told(array, array.bitmap());
  }

  private AdminReply told(ServedArray array, CompletableFuture<?> answer)
      throws AdminException, InterruptedException {
    try {
      return AdminReply.json(answer.get(patience.toNanos(), TimeUnit.NANOSECONDS));
    } catch (TimeoutException _) {
      throw stuck(List.of(array.name()));
    } catch (ExecutionException e) {
      throw new AdminException(
          HttpResponseStatus.SERVICE_UNAVAILABLE,
          "array %s cannot tell its state: %s".formatted(array.name(), e.getCause()));
    }
  }

  private AdminReply clients() {
    return AdminReply.json(new AdminDocuments.Clients(control.clients()));
  }

  private AdminReply stopAll(AdminRequest request) throws AdminException, InterruptedException {
    request.requireEmptyBody();
    return AdminReply.json(new AdminDocuments.Stopped(outcome(control.stop())));
  }

  private AdminReply stopOne(AdminRequest request) throws AdminException, InterruptedException {
    request.requireEmptyBody();
    ServedArray array = array(request);
    return AdminReply.json(new AdminDocuments.Stopped(List.of(outcome(control.stop(array)))));
  }

  private AdminReply addBitmap(AdminRequest request) throws AdminException, InterruptedException {
    AdminDocuments.NewBitmap wanted = request.document(AdminDocuments.NewBitmap.class);
    String location = wanted.location() == null ? "" : wanted.location();
    if (!location.equals("internal") && !location.startsWith("/")) {
      throw new AdminException(
          HttpResponseStatus.BAD_REQUEST,
          "location is \"internal\" or the absolute path of a file, not '%s'".formatted(location));
    }
    Writing writing = wanted.writing() == null ? Writing.AUTO : wanted.writing();
    ServedArray array = array(request);
    return changed(array, control.addBitmap(array, location, wanted.chunkBytes(), writing));
  }

  private AdminReply removeBitmap(AdminRequest request)
      throws AdminException, InterruptedException {
    request.requireEmptyBody();
    ServedArray array = array(request);
    return changed(array, control.removeBitmap(array));
  }

  private static AdminReply changed(ServedArray array, CompletableFuture<String> change)
      throws AdminException, InterruptedException {
    return AdminReply.json(new AdminDocuments.BitmapChanged(array.name(), outcome(change)));
  }

  private AdminReply metrics() throws InterruptedException {
    return new AdminReply(
        200, MetricsPage.CONTENT_TYPE, metrics.render(control.arrays(), patience));
  }

  private AdminReply live() throws AdminException, InterruptedException {
    poll();
    return AdminReply.json(new AdminDocuments.Health("live"));
  }

  private AdminReply ready() throws AdminException, InterruptedException {
    String reason = control.notReady().orElse("");
    if (!reason.isEmpty()) {
      throw new AdminException(HttpResponseStatus.SERVICE_UNAVAILABLE, reason);
    }
    poll();
    return AdminReply.json(new AdminDocuments.Health("ready"));
  }

  private ArrayPoll poll() throws AdminException, InterruptedException {
    ArrayPoll poll = ArrayPoll.of(control.arrays(), patience);
    if (!poll.silent().isEmpty()) {
      throw stuck(poll.silent());
    }
    return poll;
  }

  private AdminException stuck(List<String> names) {
    return new AdminException(
        HttpResponseStatus.SERVICE_UNAVAILABLE,
        "array %s did not answer within %d ms; its loop is stuck or overloaded"
            .formatted(String.join(", ", names), patience.toMillis()));
  }

  private ServedArray array(AdminRequest request) throws AdminException {
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

  private static <T> T outcome(CompletableFuture<T> change)
      throws AdminException, InterruptedException {
    try {
      return change.get();
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new AdminException(
          HttpResponseStatus.INTERNAL_SERVER_ERROR, String.valueOf(cause.getMessage()));
    }
  }
}
