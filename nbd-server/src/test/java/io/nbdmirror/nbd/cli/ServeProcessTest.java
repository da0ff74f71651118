package io.nbdmirror.nbd.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.nbdmirror.nbd.Main;
import io.nbdmirror.nbd.serve.MemberFixture;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The serve command as a process of its own: its lines, its signals, its exit status. */
class ServeProcessTest {
  private static final int PATIENCE_SECONDS = 60;
  private static final int GREETING_BYTES = 18;

  @TempDir private Path folder;
  private MemberFixture[] members;
  private Process serve;
  private CompletableFuture<String> errors;
  private final List<String> lines = new ArrayList<>();

  @BeforeEach
  void start() throws Exception {
    members = MemberFixture.pair(folder, "home");
    serve =
        process(
            "serve",
            members[0].path().toString(),
            members[1].path().toString(),
            "--listen",
            "tcp:127.0.0.1:0",
            "--listen",
            "unix:" + folder.resolve("nbd.sock"),
            "--admin",
            "127.0.0.1:0");
    InputStream stderr = serve.getErrorStream();
    errors = CompletableFuture.supplyAsync(() -> text(stderr));
    BufferedReader out =
        new BufferedReader(new InputStreamReader(serve.getInputStream(), StandardCharsets.UTF_8));
    String line = out.readLine();
    while (line != null && !line.equals("ready")) {
      lines.add(line);
      line = out.readLine();
    }
    if (line == null) {
      fail("ended before it was ready: " + errors());
    }
  }

  @AfterEach
  void end() throws InterruptedException {
    serve.destroyForcibly().waitFor();
  }

  @Test
  void saysWhereItListensALineEach() {
    assertThat(lines).hasSize(3);
    assertThat(lines.get(0)).matches("listening nbd tcp 127\\.0\\.0\\.1:[1-9][0-9]*");
    assertThat(lines.get(1)).isEqualTo("listening nbd unix " + folder.resolve("nbd.sock"));
    assertThat(lines.get(2)).matches("listening admin http 127\\.0\\.0\\.1:[1-9][0-9]*");
  }

  @ParameterizedTest
  @ValueSource(strings = {"TERM", "INT", "HUP"})
  void aSignalStopsItCleanly(String signal) throws Exception {
    signal(signal);
    assertThat(exitStatus()).isZero();
    for (MemberFixture member : members) {
      assertThat(member.read().resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
    }
    assertThat(errors()).contains("array home: stopped").doesNotContain("WARNING", "Exception");
    assertThat(folder.resolve("nbd.sock")).doesNotExist();
    assertThat(folder.resolve("nbdmirror")).isEmptyDirectory();
  }

  @Test
  void theStopCommandReturnsWhenTheServerIsGone() throws Exception {
    Process stop = process("stop", "--admin", admin());
    assertThat(stop.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(stop.exitValue()).as(text(stop.getErrorStream())).isZero();
    assertThat(stop.getInputStream()).asString(StandardCharsets.UTF_8).isEqualTo("stopped home\n");
    assertThat(exitStatus()).isZero();
  }

  @Test
  void theLiveCommandsFindOnlyTheirOwnUsersToken() throws Exception {
    try (var tokens = Files.list(folder.resolve("nbdmirror"))) {
      Files.delete(tokens.findFirst().orElseThrow());
    }
    Process stop = process("stop", "--admin", admin());
    assertThat(stop.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(stop.exitValue()).isEqualTo(1);
    assertThat(serve.isAlive()).isTrue();
  }

  @Test
  void theLiveCommandsShowWhatTheyFind() throws Exception {
    Process detail = process("detail", "home", "--admin", admin());
    assertThat(detail.getInputStream())
        .asString(StandardCharsets.UTF_8)
        .startsWith("home:\n")
        .contains(members[1].path().toString());
    Process clients = process("clients", "--admin", admin());
    assertThat(clients.getInputStream())
        .asString(StandardCharsets.UTF_8)
        .isEqualTo("no client is connected\n");
  }

  @Test
  void aClientThatDoesNothingKeepsNobodyFromStopping() throws Exception {
    try (Socket idle = connect()) {
      idle.setSoTimeout(PATIENCE_SECONDS * 1000);
      assertThat(idle.getInputStream().readNBytes(GREETING_BYTES)).hasSize(GREETING_BYTES);
      signal("TERM");
      assertThat(exitStatus()).isZero();
    }
  }

  @Test
  void whenMembersCannotBeLeftCleanItSaysSoAndExitsWithOne() throws Exception {
    try (Socket client = connect()) {
      client.setSoTimeout(PATIENCE_SECONDS * 1000);
      writeOneBlock(client);
    }
    assertThat(members[0].read().resyncOffset()).isNotEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
    // From now on every write of this process to a file fails.
    run("prlimit", "--fsize=0:0", "--pid", Long.toString(serve.pid()));
    Process stop = process("stop", "--admin", admin());
    String sentence = "array home could not be left clean: ";
    assertThat(stop.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(stop.exitValue()).isEqualTo(1);
    assertThat(exitStatus()).isEqualTo(1);
    assertThat(errors()).contains("nbdmirror: " + sentence);
  }

  private Socket connect() throws IOException {
    String port = lines.get(0).substring(lines.get(0).lastIndexOf(':') + 1);
    return new Socket(InetAddress.getLoopbackAddress(), Integer.parseInt(port));
  }

  private static void writeOneBlock(Socket client) throws IOException {
    DataInputStream in = new DataInputStream(client.getInputStream());
    DataOutputStream out = new DataOutputStream(client.getOutputStream());
    in.readNBytes(GREETING_BYTES);
    out.writeInt(3);
    out.writeLong(0x49484156454F5054L);
    out.writeInt(1);
    out.writeInt(0);
    in.readNBytes(10);
    out.writeInt(0x25609513);
    out.writeInt(1);
    out.writeLong(7);
    out.writeLong(0);
    out.writeInt(4096);
    out.write(new byte[4096]);
    assertThat(in.readInt()).isEqualTo(0x67446698);
    assertThat(in.readInt()).as("errno").isZero();
  }

  private String admin() {
    return lines.get(2).replace("listening admin http ", "");
  }

  private Process process(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    // A shell that runs tests in the background has its children ignore INT.
    command.addAll(List.of("env", "--default-signal=INT,HUP"));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(Main.class.getName());
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("XDG_RUNTIME_DIR", folder.toString());
    return builder.start();
  }

  private void signal(String name) throws Exception {
    run("kill", "-" + name, Long.toString(serve.pid()));
  }

  private static void run(String... command) throws Exception {
    assertThat(new ProcessBuilder(command).start().waitFor())
        .as(String.join(" ", command))
        .isZero();
  }

  private int exitStatus() throws InterruptedException {
    assertThat(serve.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).as("ended").isTrue();
    return serve.exitValue();
  }

  /** All that it has written to stderr; to be asked for when it has ended. */
  private String errors() throws Exception {
    return errors.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  private static String text(InputStream in) {
    try (in) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
