package io.nbdmirror.nbd.serve;

import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.admin.Control;
import io.nbdmirror.nbd.alert.Alerts;
import io.nbdmirror.nbd.array.ServedArray;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.listen.ClientStatus;
import io.nbdmirror.nbd.listen.NbdServer;
import io.nbdmirror.raid.event.ArrayEvent;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The arrays that are served and the order in which they are stopped. Any thread may call; nothing
 * here blocks.
 *
 * <pre>
 *   stop asked → no new clients, new requests ESHUTDOWN → each array: requests in flight end,
 *   members flushed, superblocks clean, members closed → {@link #stopped}
 * </pre>
 */
final class ServedArrays implements Control {
  private static final Logger log = LoggerFactory.getLogger(ServedArrays.class);

  private final List<ArrayStart> running = new CopyOnWriteArrayList<>();
  private final ExportRegistry exports;
  private final NbdServer clients;
  private final BitmapKeeper keeper;
  private final MemberKeeper members;
  private final Alerts alerts;
  private final CompletableFuture<List<String>> stopped = new CompletableFuture<>();
  private final Map<ArrayStart, CompletableFuture<String>> stops = new ConcurrentHashMap<>();
  private final List<String> failures = new CopyOnWriteArrayList<>();
  private volatile boolean started;
  private volatile boolean stopping;

  ServedArrays(
      ExportRegistry exports,
      NbdServer clients,
      BitmapKeeper keeper,
      MemberKeeper members,
      Alerts alerts) {
    this.exports = exports;
    this.clients = clients;
    this.keeper = keeper;
    this.members = members;
    this.alerts = alerts;
  }

  /**
   * Starts the arrays, which from now on are written to, and then offers them to clients; gives
   * them up when a stop was asked for already.
   */
  synchronized void start(List<ArrayStart> arrays) {
    if (stopping) {
      arrays.forEach(ArrayStart::giveUp);
      return;
    }
    arrays.forEach(ArrayStart::start);
    running.addAll(arrays);
    for (ArrayStart array : arrays) {
      array.exports().forEach(exports::add);
    }
    started = true;
  }

  @Override
  public List<ServedArray> arrays() {
    return running.stream().map(ArrayStart::array).toList();
  }

  @Override
  public List<ClientStatus> clients() {
    return clients.clients();
  }

  @Override
  public Optional<String> notReady() {
    if (stopping) {
      return Optional.of("the server is stopping");
    }
    return started ? Optional.empty() : Optional.of("the server is still starting");
  }

  @Override
  public CompletableFuture<String> stop(ServedArray array) {
    for (ArrayStart candidate : running) {
      if (candidate.array() == array) {
        return stop(candidate).whenComplete((_, _) -> endWithTheLast());
      }
    }
    return CompletableFuture.completedFuture(array.name());
  }

  @Override
  public CompletableFuture<String> addBitmap(
      ServedArray array, String location, long chunkBytes, Writing writing) {
    return withStart(
        array, start -> keeper.add(start.mirror(), start.loop(), location, chunkBytes, writing));
  }

  @Override
  public CompletableFuture<String> removeBitmap(ServedArray array) {
    return withStart(array, start -> keeper.remove(start.mirror(), start.loop()));
  }

  @Override
  public CompletableFuture<String> addMember(ServedArray array, String path, boolean force) {
    return withStart(
        array,
        start ->
            members.add(
                newcomer(start, path, force),
                false,
                device -> array.change((engine, done) -> engine.addMember(device, done))));
  }

  @Override
  public CompletableFuture<String> reAddMember(ServedArray array, String path) {
    return withStart(
        array,
        start ->
            members.add(
                newcomer(start, path, false),
                true,
                device -> array.change((engine, done) -> engine.reAddMember(device, done))));
  }

  @Override
  public CompletableFuture<String> replaceMember(
      ServedArray array, String old, String path, boolean force) {
    return withStart(
        array,
        start ->
            members.add(
                newcomer(start, path, force),
                false,
                device -> array.change((engine, done) -> engine.replaceMember(old, device, done))));
  }

  private MemberKeeper.Newcomer newcomer(ArrayStart start, String path, boolean overwrite) {
    return new MemberKeeper.Newcomer(start.array(), start.loop(), arrays(), path, overwrite);
  }

  private CompletableFuture<String> withStart(
      ServedArray array, Function<ArrayStart, CompletableFuture<String>> change) {
    for (ArrayStart candidate : running) {
      if (candidate.array() == array) {
        return change.apply(candidate);
      }
    }
    return CompletableFuture.failedFuture(
        new IOException("array %s has been stopped".formatted(array.name())));
  }

  @Override
  public synchronized CompletableFuture<List<String>> stop() {
    if (stopping) {
      return stopped;
    }
    stopping = true;
    clients.shutDown();
    List<ArrayStart> toStop = List.copyOf(running);
    List<String> names = toStop.stream().map(array -> array.array().name()).toList();
    var _ =
        CompletableFuture.allOf(
                toStop.stream().map(this::stop).toArray(CompletableFuture<?>[]::new))
            .whenComplete((_, failure) -> {
              if (failure == null) {
                stopped.complete(names);
              } else {
                stopped.completeExceptionally(
                    new IllegalStateException(String.join("; ", failures)));
              }
            });
    return stopped;
  }

  /** Completes when all arrays have stopped, well or not. */
  CompletableFuture<List<String>> stopped() {
    return stopped;
  }

  /** Why arrays could not be left clean, a sentence each. */
  List<String> failures() {
    return failures;
  }

  private CompletableFuture<String> stop(ArrayStart array) {
    return stops.computeIfAbsent(array, this::begin);
  }

  private CompletableFuture<String> begin(ArrayStart array) {
    array.exports().forEach(exports::remove);
    log.info("array {}: stopping", array.array().name());
    return array.array().stop().whenComplete((_, failure) -> ended(array, failure));
  }

  private void ended(ArrayStart array, @Nullable Throwable failure) {
    String name = array.array().name();
    if (failure == null) {
      log.info("array {}: stopped", name);
    } else {
      String sentence =
          "array %s could not be left clean: %s".formatted(name, failure.getMessage());
      log.error("{}", sentence);
      failures.add(sentence);
    }
    alerts
        .of(name)
        .accept(
            new ArrayEvent(
                ArrayEvent.Kind.DEVICE_DISAPPEARED,
                name,
                "",
                failure == null ? "stopped" : "stopped, but not clean"));
    running.remove(array);
  }

  private void endWithTheLast() {
    if (running.isEmpty()) {
      log.info("the last array has stopped, and so the server ends");
      var _ = stop();
    }
  }
}
