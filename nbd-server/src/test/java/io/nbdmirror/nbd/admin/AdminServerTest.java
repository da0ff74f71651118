package io.nbdmirror.nbd.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.nbd.array.FakeArray;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AdminServerTest {
  private final FakeArray home = new FakeArray("home");
  private final FakeControl control = new FakeControl(home.served());
  private RunningAdmin admin;

  @BeforeEach
  void start() throws IOException {
    admin = new RunningAdmin(control);
  }

  @AfterEach
  void close() {
    admin.close();
  }

  @Test
  void theArraysAreTheStatusDocumentOfTheDesignFieldByField() throws IOException {
    assertThat(admin.ask("GET", "/api/v1/arrays").body())
        .isEqualTo(
            """
            {"arrays":[{"name":"home","uuid":"%s","sizeBytes":67108864,"state":"degraded",\
            "members":[{"path":"/m/\\"0\\"","slot":0,"role":"in-sync","writeMostly":false,\
            "readErrors":1,"writeErrors":2,"behind":3},{"path":"","slot":1,"role":"missing",\
            "writeMostly":false,"readErrors":0,"writeErrors":0,"behind":0}],\
            "bitmap":{"kind":"internal","chunkBytes":65536,"chunks":1024,"dirtyChunks":5},\
            "sync":{"action":"resync","doneBytes":33554432,"totalBytes":67108864,\
            "copiedBytes":4096,"bytesPerSecond":1000,"etaSeconds":-1},"mismatches":[],"mismatchBytes":0}]}\
            """
                .formatted(home.uuid()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"home", "h%6fme", "host:home", "UUID"})
  void anArrayIsFoundByItsNameAndByItsUuid(String name) throws IOException {
    String path = "/api/v1/arrays/" + name.replace("UUID", home.uuid().toString());
    RunningAdmin.Answer answer = admin.ask("GET", path + "?ignored=1");
    assertThat(answer.status()).isEqualTo(200);
    assertThat(new ObjectMapper().readTree(answer.body()).at("/status/name").asText())
        .isEqualTo("home");
    assertThat(new ObjectMapper().readTree(answer.body()).at("/metadataVersion").asText())
        .isEqualTo("1.2");
  }

  @Test
  void headIsGetWithoutTheBody() throws IOException {
    RunningAdmin.Answer answer = admin.ask("HEAD", "/api/v1/arrays");
    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.head().toLowerCase(Locale.ROOT)).containsPattern("content-length: [1-9]");
    assertThat(answer.body()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "GET,    /nowhere,                 404, there is nothing at /nowhere on this server",
    "GET,    /api/v1/arrays/,          404, 'no array '''' is served here; there is home'",
    "GET,    /api/v1/arrays/other,     404, 'no array ''other'' is served here; there is home'",
    "GET,    /api/v1/arrays/%zz,       400, '''%zz'' is not properly percent-encoded'",
    "DELETE, /api/v1/arrays,           405, 'DELETE is not possible on /api/v1/arrays; it takes GET, HEAD'",
    "GET,    /api/v1/stop,             405, GET is not possible on /api/v1/stop; it takes POST",
    "POST,   /metrics,                 405, 'POST is not possible on /metrics; it takes GET, HEAD'",
    "POST,   /nowhere,                 404, there is nothing at /nowhere on this server",
  })
  void everyRefusalHasTheOneShape(String method, String path, int status, String sentence)
      throws IOException {
    RunningAdmin.Answer answer = admin.ask(method, path, admin.bearer());
    assertThat(answer.status()).isEqualTo(status);
    assertThat(AdminJson.read(answer.body().getBytes(StandardCharsets.UTF_8), AdminError.class))
        .isEqualTo(new AdminError(status, sentence));
  }

  @Test
  void aWrongMethodIsToldTheRightOnes() throws IOException {
    assertThat(admin.ask("PUT", "/api/v1/stop").head().toLowerCase(Locale.ROOT))
        .contains("allow: post");
  }

  @Test
  void aBodyWhereNoneIsTakenIsRefused() throws IOException {
    RunningAdmin.Answer answer =
        admin.askWithBody("POST", "/api/v1/stop", "{\"when\":\"later\"}", admin.bearer());
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.body()).contains("POST /api/v1/stop takes no body; send none, or {}");
    assertThat(home.stops()).isZero();
  }

  @Test
  void anEmptyObjectIsAsGoodAsNoBody() throws IOException {
    assertThat(admin.askWithBody("POST", "/api/v1/stop", " { } ", admin.bearer()).status())
        .isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Expect: 100-continue\r\n"})
  void anOversizedBodyIsRefusedUnread(String expect) throws IOException {
    RunningAdmin.Answer answer =
        admin.send(
            "POST /api/v1/stop HTTP/1.1\r\nHost: localhost\r\n"
                + expect
                + "Content-Length: 999999999\r\n\r\n");
    assertThat(answer.status()).isEqualTo(413);
    assertThat(answer.body())
        .isEqualTo(
            "{\"status\":413,\"error\":\"the body is larger than the 65536 bytes that are taken\"}");
  }

  @ParameterizedTest
  @CsvSource({
    "'\u0001\u0002 garbage',                                   400",
    "'GET / HTTP/1.1\r\nno colon\r\n\r\n',                     400",
    "'GET /LONG HTTP/1.1\r\nHost: localhost\r\n\r\n',          414",
    "'GET / HTTP/1.1\r\nHost: localhost\r\nX: LONGLONG\r\n\r\n', 431",
    "'GET / HTTP/1.1\r\nConnection: close\r\n\r\n',                                 400",
  })
  void whatIsNotARequestIsAnsweredInTheOneShapeAndTheConnectionClosed(String raw, int status)
      throws IOException {
    RunningAdmin.Answer answer =
        admin.send(raw.replace("LONG", "x".repeat(9000)) + (raw.endsWith("\n") ? "" : "\r\n\r\n"));
    assertThat(answer.status()).isEqualTo(status);
    assertThat(AdminJson.read(answer.body().getBytes(StandardCharsets.UTF_8), AdminError.class))
        .extracting(AdminError::status)
        .isEqualTo(status);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "X-Nothing: 1",
        "Authorization: Bearer ",
        "Authorization: Bearer 00",
        "Authorization: Basic TOKEN"
      })
  void whoLacksTheTokenChangesNothing(String header) throws IOException {
    RunningAdmin.Answer answer =
        admin.ask("POST", "/api/v1/stop", header.replace("TOKEN", admin.token().secret()));
    assertThat(answer.status()).isEqualTo(401);
    assertThat(answer.head().toLowerCase(Locale.ROOT)).contains("www-authenticate: bearer");
    assertThat(answer.body()).startsWith("{\"status\":401,\"error\":\"this changes the server");
    assertThat(home.stops()).isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "Host: evil.example,                                     403",
    "Host: evil.example:9809,                                403",
    "Host: 192.168.1.1,                                      403",
    "Host: localhost.evil.example,                           403",
    "Host: localhost,                                        200",
    "Host: localhost:1234,                                   200",
    "Host: 127.0.0.1:9809,                                   200",
    "Host: [::1]:9809,                                       200",
    "'Host: localhost\r\nHost: evil.example',                400",
    "'Host: localhost\r\nOrigin: http://evil.example',       403",
    "'Host: localhost\r\nOrigin: null',                      403",
    "'Host: localhost:9809\r\nOrigin: http://localhost:80',  403",
    "'Host: localhost:9809\r\nOrigin: http://localhost:9809', 200",
  })
  void pagesFromElsewhereAreKeptOut(String headers, int status) throws IOException {
    RunningAdmin.Answer answer =
        admin.send("GET /api/v1/arrays HTTP/1.1\r\nConnection: close\r\n" + headers + "\r\n\r\n");
    assertThat(answer.status()).isEqualTo(status);
  }

  @Test
  void stoppingOneArrayStopsIt() throws IOException {
    RunningAdmin.Answer answer = admin.ask("POST", "/api/v1/arrays/home/stop", admin.bearer());
    assertThat(answer.body()).isEqualTo("{\"stopped\":[\"home\"]}");
    assertThat(home.stops()).isEqualTo(1);
    assertThat(admin.ask("GET", "/api/v1/arrays").body()).isEqualTo("{\"arrays\":[]}");
  }

  @Test
  void aStopThatFailsIsAnsweredWithItsSentence() throws IOException {
    home.failingToStop(new DeviceException(Errno.EIO, "cannot flush /m/0: I/O error"));
    RunningAdmin.Answer answer = admin.ask("POST", "/api/v1/stop", admin.bearer());
    assertThat(answer.status()).isEqualTo(500);
    assertThat(answer.body())
        .isEqualTo("{\"status\":500,\"error\":\"cannot flush /m/0: I/O error\"}");
  }

  @Test
  void aLoopThatIsStuckIsToldOfAndHangsNobody() throws IOException {
    home.stuck();
    for (String path :
        new String[] {"/api/v1/arrays", "/api/v1/arrays/home", "/health/live", "/health/ready"}) {
      RunningAdmin.Answer answer = admin.ask("GET", path);
      assertThat(answer.status()).as(path).isEqualTo(503);
      assertThat(answer.body()).contains("array home did not answer within 200 ms");
    }
    assertThat(admin.ask("GET", "/metrics").body())
        .contains("nbdmirror_array_answers{array=\"home\"} 0");
  }

  @Test
  void readinessSaysWhatIsMissing() throws IOException {
    assertThat(admin.ask("GET", "/health/ready").status()).isEqualTo(200);
    control.notReady("the server is stopping");
    RunningAdmin.Answer answer = admin.ask("GET", "/health/ready");
    assertThat(answer.status()).isEqualTo(503);
    assertThat(answer.body()).isEqualTo("{\"status\":503,\"error\":\"the server is stopping\"}");
    assertThat(admin.ask("GET", "/health/live").status()).isEqualTo(200);
  }

  @Test
  void requestsSentInOneGoAreAnsweredInOrder() throws IOException {
    String request = "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n";
    String answers =
        admin
            .send(
                request.formatted("/health/ready", "")
                    + request.formatted("/nowhere", "")
                    + request.formatted("/health/live", "Connection: close\r\n"))
            .toString();
    assertThat(answers)
        .containsSubsequence("{\"health\":\"ready\"}", "404", "{\"health\":\"live\"}");
  }

  @Test
  void aUnixSocketServesItsOwnerAndIsGoneAfterwards(@TempDir Path directory) throws Exception {
    Path socket = directory.resolve("admin.sock");
    AdminAddress address = AdminAddress.parse("unix:" + socket);
    try (RunningAdmin unix = new RunningAdmin(address, control)) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
          .isEqualTo("rw-------");
      assertThat(new AdminClient(unix.address(), Map.of()).get("/health/live"))
          .asString(StandardCharsets.UTF_8)
          .isEqualTo("{\"health\":\"live\"}");
      assertThatThrownBy(() -> new RunningAdmin(address, control))
          .hasMessageStartingWith("cannot listen for admin requests on unix:" + socket);
    }
    assertThat(socket).doesNotExist();
  }

  @Test
  void anAddressThatIsTakenIsNamed() {
    assertThatThrownBy(() -> new RunningAdmin(admin.address(), control))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cannot listen for admin requests on " + admin.address());
  }
}
