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

/** The admin API's routes and what stands behind each. Runs on threads that may wait. */
final class AdminApi {
  private final Control control;
  private final MetricsPage metrics;
  private final Duration patience;
  private final ArrayLookup lookup;

  /**
   * @param patience how long an array's loop may take to answer before it counts as stuck
   */
  AdminApi(Control control, MetricsPage metrics, Duration patience) {
    this.control = control;
    this.metrics = metrics;
    this.patience = patience;
    lookup = new ArrayLookup(control, patience);
  }

  AdminRoutes routes() {
    AdminRoutes routes = new AdminRoutes();
    new ChangeRoutes(control, lookup).addTo(routes);
    return routes
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
    ServedArray array = lookup.array(request);
    return told(array, array.detail());
  }

  private AdminReply bitmap(AdminRequest request) throws AdminException, InterruptedException {
    ServedArray array = lookup.array(request);
    return told(array, array.bitmap());
  }

  private AdminReply told(ServedArray array, CompletableFuture<?> answer)
      throws AdminException, InterruptedException {
    return AdminReply.json(lookup.answer(array, answer));
  }

  private AdminReply clients() {
    return AdminReply.json(new AdminDocuments.Clients(control.clients()));
  }

  private AdminReply stopAll(AdminRequest request) throws AdminException, InterruptedException {
    request.requireEmptyBody();
    return AdminReply.json(new AdminDocuments.Stopped(ArrayLookup.outcome(control.stop())));
  }

  private AdminReply stopOne(AdminRequest request) throws AdminException, InterruptedException {
    request.requireEmptyBody();
    ServedArray array = lookup.array(request);
    return AdminReply.json(
        new AdminDocuments.Stopped(List.of(ArrayLookup.outcome(control.stop(array)))));
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
    ServedArray array = lookup.array(request);
    return changed(array, control.addBitmap(array, location, wanted.chunkBytes(), writing));
  }

  private AdminReply removeBitmap(AdminRequest request)
      throws AdminException, InterruptedException {
    request.requireEmptyBody();
    ServedArray array = lookup.array(request);
    return changed(array, control.removeBitmap(array));
  }

  private static AdminReply changed(ServedArray array, CompletableFuture<String> change)
      throws AdminException, InterruptedException {
    return AdminReply.json(
        new AdminDocuments.BitmapChanged(array.name(), ArrayLookup.outcome(change)));
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
      throw lookup.stuck(poll.silent());
    }
    return poll;
  }
}
