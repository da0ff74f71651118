package io.nbdmirror.nbd.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.nbd.Main;
import io.nbdmirror.nbd.serve.MemberFixture;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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

  @TempDir private Path folder;
  private MemberFixture[] members;
  private Process serve;
  private final List<String> lines = new ArrayList<>();

  @BeforeEach
  void start() throws IOException {
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
    BufferedReader out =
        new BufferedReader(new InputStreamReader(serve.getInputStream(), StandardCharsets.UTF_8));
    String line = out.readLine();
    while (line != null && !line.equals("ready")) {
      lines.add(line);
      line = out.readLine();
    }
    assertThat(line).as(errors()).isEqualTo("ready");
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
    assertThat(exitStatus()).as(errors()).isZero();
    for (MemberFixture member : members) {
      assertThat(member.read().resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
    }
    assertThat(errors())
        .contains("array home: stopped, clean")
        .doesNotContain("WARNING", "Exception");
    assertThat(folder.resolve("nbd.sock")).doesNotExist();
    assertThat(folder.resolve("nbdmirror")).isEmptyDirectory();
  }

  @Test
  void theStopCommandReturnsWhenTheServerIsGone() throws Exception {
    Process stop = process("stop", "--admin", lines.get(2).replace("listening admin http ", ""));
    assertThat(stop.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(stop.exitValue()).isZero();
    assertThat(stop.getInputStream()).asString(StandardCharsets.UTF_8).isEqualTo("stopped home\n");
    assertThat(exitStatus()).as(errors()).isZero();
  }

  @Test
  void theLiveCommandsFindOnlyTheirOwnUsersToken() throws Exception {
    try (var tokens = Files.list(folder.resolve("nbdmirror"))) {
      Files.delete(tokens.findFirst().orElseThrow());
    }
    Process stop = process("stop", "--admin", lines.get(2).replace("listening admin http ", ""));
    assertThat(stop.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(stop.exitValue()).isEqualTo(1);
    assertThat(serve.isAlive()).isTrue();
  }

  private Process process(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(Main.class.getName());
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("XDG_RUNTIME_DIR", folder.toString());
    builder.redirectError(folder.resolve(arguments[0] + ".err").toFile());
    return builder.start();
  }

  private void signal(String name) throws Exception {
    new ProcessBuilder("kill", "-" + name, Long.toString(serve.pid())).start().waitFor();
  }

  private int exitStatus() throws InterruptedException {
    assertThat(serve.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).as("ended").isTrue();
    return serve.exitValue();
  }

  private String errors() throws IOException {
    return Files.readString(folder.resolve("serve.err"));
  }
}
