package io.nbdmirror.nbd.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nbdmirror.io.engine.PoolEngine;
import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.admin.AdminAddress;
import io.nbdmirror.nbd.admin.AdminClient;
import io.nbdmirror.nbd.admin.AdminDocuments;
import io.nbdmirror.nbd.cli.NbdMirrorCommand;
import io.nbdmirror.nbd.listen.ListenAddress;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Members of a real array that come and go while it runs, by the API's documents. */
class MemberChangesTest {
  @TempDir private Path folder;
  private MemberFixture[] pair;
  private Server server;
  private AdminClient client;

  @BeforeEach
  void start() throws Exception {
    pair = MemberFixture.pair(folder, "home");
    Map<String, String> environment =
        Map.of("XDG_RUNTIME_DIR", Files.createDirectory(folder.resolve("run")).toString());
    server =
        new Startup(
                new ServeOptions(
                    Arrays.stream(pair).map(member -> MemberPath.file(member.path())).toList(),
                    List.of(),
                    ArrayOptions.USUAL,
                    List.of(),
                    Writing.FILE,
                    false,
                    false,
                    new PoolEngine(),
                    null,
                    NbdOptions.on(List.of(ListenAddress.parse("tcp:127.0.0.1:0"))),
                    AdminAddress.parse("127.0.0.1:0")),
                environment,
                "1.0")
            .run();
    client = new AdminClient(server.adminAddress(), environment);
  }

  @AfterEach
  void stop() throws InterruptedException {
    server.stop();
    assertThat(server.awaitEnd()).isEmpty();
  }

  @Test
  void aMemberIsFailedRemovedAndReplacedByAnother() throws Exception {
    Path fresh = file("fresh", 8 << 20);
    assertThat(post("members/fail", pair[1].path())).contains("is faulty");
    assertThat(status()).contains("\"role\":\"faulty\"", "\"state\":\"degraded\"");
    assertThat(post("members/remove", pair[1].path())).contains("is removed");
    assertThat(status()).doesNotContain(pair[1].path().toString());
    assertThat(post("members/add", fresh))
        .containsPattern("is being rebuilt, in slot 1|is in sync");
    await().until(() -> status().contains("\"state\":\"clean\""));
    assertThat(status()).contains(fresh.toString());
    assertThat(events("SpareActive")).isEqualTo("1.0");
    assertThat(events("RebuildFinished")).isEqualTo("1.0");
  }

  @Test
  void aMemberIsKnownByAnyNameOfItsFile() throws Exception {
    Path link = Files.createSymbolicLink(folder.resolve("link"), pair[1].path());
    assertThat(post("members/fail", link)).contains(pair[1].path() + " is faulty");
    assertThat(refusal("members/add", link)).endsWith("link is a member of array home already");
  }

  @Test
  void aFormerMemberIsReAddedAndALastOneIsNotFailed() throws Exception {
    post("members/fail", pair[1].path());
    assertThat(refusal("members/fail", pair[0].path())).contains("the only member");
    post("members/remove", pair[1].path());
    assertThat(post("members/re-add", pair[1].path())).contains("is");
    await().until(() -> !status().contains("degraded"));
  }

  @Test
  void aSpareWaitsAndBecomesTheThirdMirror() throws Exception {
    Path third = file("third", 8 << 20);
    assertThat(post("members/add", third)).contains("third is a spare");
    assertThat(post("grow", new AdminDocuments.Growth(3, null, false)))
        .contains("3 members make it complete");
    await().until(() -> status().contains("\"state\":\"clean\""));
    assertThat(status()).contains("\"slot\":2");
    assertThat(post("members/set", new AdminDocuments.MemberFlags(third.toString(), true)))
        .contains("is write-mostly");
    assertThat(status()).contains("\"writeMostly\":true");
  }

  @Test
  void aMemberIsReplacedWhileItServes() throws Exception {
    Path fresh = file("fresh", 8 << 20);
    assertThat(
            post(
                "members/replace",
                new AdminDocuments.Replacement(pair[0].path().toString(), fresh.toString(), false)))
        .containsPattern("is being rebuilt, in slot 0|is in sync");
    await().until(() -> events("SpareActive").equals("1.0"));
    await().until(() -> status().contains("\"state\":\"clean\""));
  }

  @Test
  void whatAlreadyHoldsSomethingIsLeftAloneUnlessForced() throws Exception {
    MemberFixture[] other = MemberFixture.pair(folder, "other");
    byte[] before = Files.readAllBytes(other[0].path());
    assertThat(refusal("members/add", other[0].path()))
        .contains("is a member of array 'other'", "give --force to take it from there");
    Path disk = file("disk", 8 << 20);
    byte[] bytes = Files.readAllBytes(disk);
    bytes[0x438] = 0x53;
    bytes[0x439] = (byte) 0xef;
    Files.write(disk, bytes);
    assertThat(refusal("members/add", disk))
        .endsWith("disk already carries an ext2 filesystem: give --force to overwrite it");
    assertThat(refusal("members/add", file("small", 1 << 20))).contains("small");
    assertThat(refusal("members/add", folder.resolve("none"))).contains("none");
    assertThat(refusal("members/re-add", disk)).contains("cannot be re-added");
    assertThat(Files.readAllBytes(other[0].path())).isEqualTo(before);
    assertThat(Files.readAllBytes(disk)).isEqualTo(bytes);
    assertThat(post("members/add", new AdminDocuments.OneMember(disk.toString(), true)))
        .contains("disk is a spare");
  }

  @Test
  void aFileThatWasRefusedIsClosedAgain() throws Exception {
    Path small = file("small", 1 << 20);
    refusal("members/add", small);
    refusal("members/re-add", small);
    await()
        .until(() -> {
          try (var open = Files.list(Path.of("/proc/self/fd"))) {
            return open.noneMatch(each -> leadsTo(each, small));
          }
        });
  }

  private static boolean leadsTo(Path link, Path file) {
    try {
      return Files.readSymbolicLink(link).equals(file);
    } catch (IOException e) {
      return false; // closed meanwhile
    }
  }

  @Test
  void theCommandSaysWhatWasDone() {
    StringWriter err = new StringWriter();
    CommandLine commandLine = NbdMirrorCommand.commandLine();
    commandLine.setErr(new PrintWriter(err, true));
    int status =
        commandLine.execute(
            "fail", "home", "/nowhere", "--admin", server.adminAddress().toString());
    assertThat(status).isEqualTo(1);
    assertThat(err.toString()).contains("token");
  }

  private Path file(String name, int bytes) throws IOException {
    return Files.write(folder.resolve(name), new byte[bytes]);
  }

  private String post(String route, Path member) throws IOException {
    return post(route, new AdminDocuments.OneMember(member.toString(), false));
  }

  private String post(String route, Object document) throws IOException {
    return new String(
        client.post("/api/v1/arrays/home/" + route, document), StandardCharsets.UTF_8);
  }

  private String refusal(String route, Path member) {
    try {
      return "not refused: " + post(route, member);
    } catch (IOException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private String status() throws IOException {
    return new String(client.get("/api/v1/arrays"), StandardCharsets.UTF_8);
  }

  private String events(String event) throws IOException {
    String page = new String(client.get("/metrics"), StandardCharsets.UTF_8);
    String name = "nbdmirror_events_total{array=\"home\",event=\"%s\"} ".formatted(event);
    return page.lines()
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(name.length()))
        .findFirst()
        .orElseThrow();
  }
}
