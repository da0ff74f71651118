package io.nbdmirror.integration.process;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.awaitility.Awaitility;

/**
 * A real {@code nbdmirror serve} in a process of its own, listening on a TCP port, a unix socket
 * and an admin port that nobody else has. Closing it kills it if it still runs.
 */
public final class RunningServer implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofMinutes(1);
  private static final Duration STOP_LIMIT = Duration.ofMinutes(1);

  private final Process process;
  private final Path folder;
  private final Path errors;
  private final List<String> announced;

  private RunningServer(Process process, Path folder, Path errors, List<String> announced) {
    this.process = process;
    this.folder = folder;
    this.errors = errors;
    this.announced = announced;
  }

  /**
   * Starts it and waits until it says that it is ready.
   *
   * @param folder for its sockets, its token and what it says on stderr
   * @param arguments what follows {@code serve}: members and flags
   */
  public static RunningServer start(Path folder, Object... arguments) {
    Command command = Nbdmirror.command("serve").and(arguments);
    command.and("--listen", "tcp:127.0.0.1:0", "--listen", "unix:" + folder.resolve("nbd.sock"));
    command.and("--admin", "127.0.0.1:0");
    return start(folder, command);
  }

  /** Starts what is given, for those that choose where it listens. */
  public static RunningServer start(Path folder, Command command) {
    try {
      Path errors = Files.createTempFile(folder, "serve", ".err");
      Process process =
          command.with("XDG_RUNTIME_DIR", folder).builder().redirectError(errors.toFile()).start();
      List<String> announced = new ArrayList<>();
      CompletableFuture<Boolean> ready =
          CompletableFuture.supplyAsync(
              () -> readUntilReady(process, announced), Thread::startVirtualThread);
      boolean isReady = ready.get(START_LIMIT.toSeconds(), TimeUnit.SECONDS);
      assertThat(isReady).as("server said: %s%n%s", announced, read(errors)).isTrue();
      return new RunningServer(process, folder, errors, List.copyOf(announced));
    } catch (IOException | InterruptedException | ExecutionException | TimeoutException e) {
      throw new AssertionError("the server did not get ready", e);
    }
  }

  private static boolean readUntilReady(Process process, List<String> announced) {
    try {
      BufferedReader lines = process.inputReader();
      String line = lines.readLine();
      while (line != null && !line.equals("ready")) {
        announced.add(line);
        line = lines.readLine();
      }
      return line != null;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What it printed on stdout before {@code ready}. */
  public List<String> announced() {
    return announced;
  }

  /** What it has logged so far. */
  public String errors() {
    return read(errors);
  }

  public ProcessHandle handle() {
    return process.toHandle();
  }

  public int tcpPort() {
    return Integer.parseInt(after("listening nbd tcp 127.0.0.1:"));
  }

  public Path unixSocket() {
    return Path.of(after("listening nbd unix "));
  }

  /** HOST:PORT of the admin address. */
  public String admin() {
    return after("listening admin http ");
  }

  private String after(String prefix) {
    return announced.stream()
        .filter(line -> line.startsWith(prefix))
        .map(line -> line.substring(prefix.length()))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no line '" + prefix + "…' in " + announced));
  }

  public String tcpUri() {
    return "nbd://127.0.0.1:" + tcpPort();
  }

  public String unixUri() {
    return "nbd+unix:///?socket=" + unixSocket();
  }

  /** A live command of nbdmirror, sent to this server. */
  public Command command(Object... words) {
    return Nbdmirror.command(words).and("--admin", admin()).with("XDG_RUNTIME_DIR", folder);
  }

  /** The only array, as {@code status --json} tells it, asked over HTTP because that is quicker. */
  public JsonNode array() {
    JsonNode arrays = get("/api/v1/arrays").get("arrays");
    assertThat(arrays).hasSize(1);
    return arrays.get(0);
  }

  /** What the admin API answers. */
  public JsonNode get(String path) {
    URI uri = URI.create("http://" + admin() + path);
    try (HttpClient http = HttpClient.newHttpClient()) {
      HttpRequest get = HttpRequest.newBuilder(uri).build();
      return new ObjectMapper()
          .readTree(http.send(get, HttpResponse.BodyHandlers.ofString()).body());
    } catch (IOException e) {
      throw new UncheckedIOException("no answer from " + uri, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  /** Waits until nothing is copied any more and every bit of the bitmap is clear. */
  public JsonNode awaitQuiet() {
    return Awaitility.await("resync and draining of the bitmap")
        .atMost(Duration.ofMinutes(1))
        .pollInterval(Duration.ofMillis(200))
        .until(
            this::array,
            array ->
                array.at("/sync/action").asText().equals("idle")
                    && array.at("/bitmap/dirtyChunks").asLong() == 0);
  }

  /** Waits until nothing is left to be copied of what a kill left in doubt; bits may stay set. */
  public JsonNode awaitResynced() {
    String bitmap = "/api/v1/arrays/" + array().get("name").asText() + "/bitmap";
    Awaitility.await("resync")
        .atMost(Duration.ofMinutes(1))
        .pollInterval(Duration.ofMillis(50))
        .until(
            () -> get(bitmap),
            found ->
                found.get("bitmap").get("needsResyncChunks").asLong() == 0
                    && found.get("bitmap").get("resyncingChunks").asLong() == 0);
    return array();
  }

  /** Asks it to stop, by signal, and waits until it has done so cleanly. */
  public void stop() {
    process.destroy();
    assertThat(awaitExit()).as("exit status; it said:%n%s", errors()).isIn(0, 143);
  }

  /** As a crash of the process: nothing it had in mind is done any more. */
  public void kill() {
    process.destroyForcibly();
    awaitExit();
  }

  /** Its exit status, once it has ended. */
  public int awaitExit() {
    try {
      boolean ended = process.waitFor(STOP_LIMIT.toSeconds(), TimeUnit.SECONDS);
      assertThat(ended).as("ended within %s; it said:%n%s", STOP_LIMIT, errors()).isTrue();
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
    awaitExit();
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
