package io.nbdmirror.nbd.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.nbdmirror.io.engine.PoolEngine;
import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.admin.AdminAddress;
import io.nbdmirror.nbd.admin.AdminClient;
import io.nbdmirror.nbd.listen.ListenAddress;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StartupTest {
  @TempDir private Path folder;
  private Map<String, String> environment;
  private final List<String> members = new ArrayList<>();
  private final List<MemberPath> patterns = new ArrayList<>();
  private final List<ArrayChoice> arrays = new ArrayList<>();
  private final List<String> bitmapFiles = new ArrayList<>();
  private @Nullable Path eventProgram;
  private boolean degraded;
  private boolean readOnly;
  private String admin = "127.0.0.1:0";

  @BeforeEach
  void runtimeDirectory() throws IOException {
    environment =
        Map.of("XDG_RUNTIME_DIR", Files.createDirectory(folder.resolve("run")).toString());
  }

  @Test
  void twoArraysAreToldApartWhateverTheOrderOfTheirMembers() throws Exception {
    MemberFixture[] one = MemberFixture.pair(folder, "one");
    MemberFixture[] two = MemberFixture.pair(folder, "host:two");
    give(one[1], two[0], two[1], one[0]);
    Server server = start();
    String status = get(server, "/api/v1/arrays");
    assertThat(status)
        .contains("\"name\":\"one\"", "\"name\":\"host:two\"")
        .contains(one[0].path().toString(), two[1].path().toString());
    assertThat(get(server, "/api/v1/arrays/two")).contains(MemberFixture.uuidOf("host:two") + "");
    assertThat(get(server, "/health/ready")).isEqualTo("{\"health\":\"ready\"}");
    assertThat(stop(server)).isEmpty();
  }

  @Test
  void aStopLeavesCleanMembersAndNothingElse() throws Exception {
    MemberFixture[] pair = MemberFixture.pair(folder, "home");
    give(pair);
    Server server = start();
    AdminClient client = client(server);
    AdminClient.Presence presence = client.presence();
    Thread end = Thread.ofVirtual().start(() -> stopQuietly(server));
    assertThat(client.post("/api/v1/stop"))
        .asString(StandardCharsets.UTF_8)
        .isEqualTo("{\"stopped\":[\"home\"]}");
    assertThat(presence.awaitEnd(Duration.ofSeconds(10))).isTrue();
    end.join();
    for (MemberFixture member : pair) {
      assertThat(member.read().resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
    }
    assertThat(folder.resolve("run/nbdmirror")).isEmptyDirectory();
  }

  @Test
  void theServerEndsWithItsLastArray() throws Exception {
    give(MemberFixture.pair(folder, "one"));
    give(MemberFixture.pair(folder, "two"));
    Server server = start();
    Thread end = Thread.ofVirtual().start(() -> stopQuietly(server));
    AdminClient client = client(server);
    assertThat(client.post("/api/v1/arrays/one/stop"))
        .asString(StandardCharsets.UTF_8)
        .contains("one");
    assertThat(get(server, "/api/v1/arrays")).doesNotContain("\"one\"").contains("\"two\"");
    assertThat(get(server, "/health/ready")).contains("ready");
    client.post("/api/v1/arrays/two/stop");
    end.join();
  }

  @Test
  void aMemberGivenTwiceIsNamedByBothNames() throws Exception {
    MemberFixture[] pair = MemberFixture.pair(folder, "home");
    Path link = Files.createSymbolicLink(folder.resolve("link"), pair[0].path());
    give(pair);
    members.add(link.toString());
    refuses("%s and %s are the same file: give each member once".formatted(pair[0].path(), link));
    members.removeLast();
    members.add(members.getFirst());
    refuses(pair[0].path() + " is given twice: give each member once");
  }

  @Test
  void twoArraysOfOneNameAreRefusedByTheirUuids() throws Exception {
    MemberFixture[] a = MemberFixture.pair(folder, "a:same");
    MemberFixture[] b = MemberFixture.pair(folder, "b:same");
    give(a);
    give(b);
    assertThatThrownBy(this::start)
        .isInstanceOf(StartException.class)
        .hasMessageContainingAll(
            "two arrays are named 'same'",
            MemberFixture.uuidOf("a:same").toString(),
            MemberFixture.uuidOf("b:same").toString());
  }

  @Test
  void oneArrayThatCannotStartKeepsAllFromStartingAndNothingIsWritten() throws Exception {
    MemberFixture[] good = MemberFixture.pair(folder, "good");
    MemberFixture[] lone = MemberFixture.pair(folder, "lone");
    for (MemberFixture member : good) {
      member.edit(superblock -> superblock.setResyncOffset(0));
    }
    give(good[0], good[1], lone[0]);
    assertThatThrownBy(this::startUnchanged)
        .isInstanceOf(StartException.class)
        .hasMessageContaining("lone");
    degraded = true;
    assertThat(stop(start())).isEmpty();
  }

  @Test
  void anAddressThatIsTakenKeepsTheMembersUntouched() throws Exception {
    give(MemberFixture.pair(folder, "home"));
    for (Path file : files()) {
      new MemberFixture(file, "home", 0).edit(superblock -> superblock.setResyncOffset(0));
    }
    try (ServerSocket taken = new ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress())) {
      admin = "127.0.0.1:" + taken.getLocalPort();
      assertThatThrownBy(this::startUnchanged)
          .isInstanceOf(StartException.class)
          .hasMessageStartingWith("cannot listen for admin requests on " + admin);
    }
  }

  @Test
  void aFileThatIsNoMemberIsNamed() throws Exception {
    give(MemberFixture.pair(folder, "home"));
    Path stranger = Files.write(folder.resolve("stranger"), new byte[1 << 20]);
    members.add(stranger.toString());
    refuses(stranger + " carries no md superblock: it is no member of an array");
    members.removeLast();
    members.add(folder.resolve("gone").toString());
    assertThatThrownBy(this::startUnchanged).hasMessageContaining(folder.resolve("gone") + "");
  }

  @Test
  void aDamagedMemberIsLeftOutLikeAStaleOne() throws Exception {
    MemberFixture[] pair = MemberFixture.pair(folder, "home");
    pair[1].damage();
    give(pair);
    assertThatThrownBy(this::startUnchanged)
        .isInstanceOf(StartException.class)
        .hasMessageContaining(pair[1].path().toString());
    degraded = true;
    Server server = start();
    assertThat(get(server, "/api/v1/arrays")).contains("\"state\":\"degraded\"");
    assertThat(stop(server)).isEmpty();
  }

  @Test
  void aReadOnlyServerWritesNothing() throws Exception {
    MemberFixture[] pair = MemberFixture.pair(folder, "home");
    for (MemberFixture member : pair) {
      member.edit(superblock -> superblock.setResyncOffset(0));
    }
    give(pair);
    readOnly = true;
    Map<Path, byte[]> before = contents();
    Server server = start();
    assertThat(get(server, "/api/v1/arrays")).contains("\"state\":\"read-only\"");
    assertThat(stop(server)).isEmpty();
    unchanged(before);
  }

  @Test
  void theEventProgramIsToldOfTheArraysLife() throws Exception {
    MemberFixture[] pair = MemberFixture.pair(folder, "host:home");
    give(pair[0]);
    degraded = true;
    Path told = folder.resolve("told");
    Path script = Files.writeString(folder.resolve("script"), "#!/bin/sh\necho $* >> " + told);
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
    eventProgram = script;
    Server server = start();
    await()
        .untilAsserted(() ->
            assertThat(get(server, "/metrics"))
                .contains("nbdmirror_events_total{array=\"home\",event=\"DegradedArray\"} 1.0"));
    assertThat(get(server, "/metrics"))
        .contains("nbdmirror_events_total{array=\"home\",event=\"Fail\"} 0.0");
    assertThat(stop(server)).isEmpty();
    assertThat(Files.readAllLines(told))
        .containsExactly("NewArray home", "DegradedArray home", "DeviceDisappeared home");
  }

  @Test
  void anEventProgramThatCannotBeRunIsRefused() throws Exception {
    give(MemberFixture.pair(folder, "home"));
    eventProgram = Files.createFile(folder.resolve("script"));
    refuses("the event program %s is not there, or not executable".formatted(eventProgram));
  }

  @Test
  void aPatternTakesMembersAndPassesOverWhatElseItMatches() throws Exception {
    MemberFixture[] pair = MemberFixture.pair(folder, "home");
    Files.createSymbolicLink(folder.resolve("home-link"), pair[0].path());
    Files.write(folder.resolve("home-notes"), new byte[100]);
    Files.createDirectory(folder.resolve("home-folder"));
    patterns.add(MemberPath.fileOrPattern("home-*", folder));
    Server server = start();
    assertThat(get(server, "/api/v1/arrays")).contains("\"state\":\"clean\"");
    assertThat(stop(server)).isEmpty();
  }

  @Test
  void aPatternThatMatchesNoMemberIsASentence() {
    patterns.add(MemberPath.fileOrPattern("none-*", folder));
    assertThatThrownBy(this::start)
        .isInstanceOf(StartException.class)
        .hasMessage("no member was found: name files or block devices that carry an md superblock");
  }

  @Test
  void anArrayToldOfByUuidTakesItsOwnMembersFromAPatternOfMany() throws Exception {
    MemberFixture.pair(folder, "one");
    MemberFixture[] two = MemberFixture.pair(folder, "two");
    Files.delete(two[1].path());
    MemberPath all = MemberPath.fileOrPattern("{one,two}-?", folder);
    arrays.add(
        new ArrayChoice(
            "the array in line 1",
            MemberFixture.uuidOf("two"),
            List.of(all),
            ArrayOptions.USUAL.withDegraded(true)));
    Server server = start();
    assertThat(get(server, "/api/v1/arrays"))
        .contains("\"name\":\"two\"", "\"state\":\"degraded\"")
        .doesNotContain("\"name\":\"one\"");
    assertThat(stop(server)).isEmpty();
  }

  @Test
  void anArrayToldOfByItsMembersHasItsOwnOptions() throws Exception {
    give(MemberFixture.pair(folder, "one"));
    MemberFixture[] two = MemberFixture.pair(folder, "two");
    arrays.add(
        new ArrayChoice(
            "the array in line 1",
            null,
            List.of(MemberPath.file(two[0].path())),
            ArrayOptions.USUAL.withDegraded(true)));
    Server server = start();
    assertThat(get(server, "/api/v1/arrays"))
        .contains("\"name\":\"one\"", "\"state\":\"clean\"", "\"state\":\"degraded\"");
    assertThat(stop(server)).isEmpty();
  }

  @Test
  void anArrayThatContradictsItselfIsRefusedByItsLine() throws Exception {
    MemberFixture[] one = MemberFixture.pair(folder, "one");
    MemberFixture[] two = MemberFixture.pair(folder, "two");
    List<MemberPath> both = List.of(MemberPath.file(one[0].path()), MemberPath.file(two[0].path()));
    arrays.add(new ArrayChoice("the array in line 1", null, both, ArrayOptions.USUAL));
    assertThatThrownBy(this::start)
        .hasMessageMatching(
            "the array in line 1 has members of .* and .*: say by uuid which is meant");
    arrays.set(
        0,
        new ArrayChoice(
            "the array in line 1", MemberFixture.uuidOf("one"), both, ArrayOptions.USUAL));
    assertThatThrownBy(this::start)
        .hasMessageMatching(two[0].path() + " belongs to array .*, not to the array in line 1");
    arrays.set(
        0,
        new ArrayChoice(
            "the array in line 1", MemberFixture.uuidOf("none"), List.of(), ArrayOptions.USUAL));
    give(one);
    assertThatThrownBy(this::start).hasMessage("no member of the array in line 1 was found");
  }

  private void give(MemberFixture... fixtures) {
    Arrays.stream(fixtures).forEach(fixture -> members.add(fixture.path().toString()));
  }

  private Server start() throws StartException, InterruptedException {
    List<MemberPath> paths = new ArrayList<>(patterns);
    members.forEach(member -> paths.add(MemberPath.file(Path.of(member))));
    return new Startup(
            new ServeOptions(
                paths,
                arrays,
                ArrayOptions.USUAL.withDegraded(degraded),
                bitmapFiles,
                Writing.FILE,
                readOnly,
                false,
                new PoolEngine(),
                eventProgram,
                NbdOptions.on(List.of(ListenAddress.parse("tcp:127.0.0.1:0"))),
                AdminAddress.parse(admin)),
            environment,
            "1.0")
        .run();
  }

  private void startUnchanged() throws Exception {
    Map<Path, byte[]> before = contents();
    try {
      start();
    } finally {
      unchanged(before);
    }
  }

  private void refuses(String sentence) throws Exception {
    assertThatThrownBy(this::startUnchanged)
        .isInstanceOf(StartException.class)
        .hasMessage(sentence);
  }

  private static List<String> stop(Server server) throws InterruptedException {
    server.stop();
    return server.awaitEnd();
  }

  private static void stopQuietly(Server server) {
    try {
      assertThat(server.awaitEnd()).isEmpty();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private AdminClient client(Server server) {
    return new AdminClient(server.adminAddress(), environment);
  }

  private String get(Server server, String path) throws IOException {
    return new String(client(server).get(path), StandardCharsets.UTF_8);
  }

  private List<Path> files() {
    return members.stream().map(Path::of).filter(Files::exists).toList();
  }

  private Map<Path, byte[]> contents() throws IOException {
    Map<Path, byte[]> contents = new HashMap<>();
    for (Path file : files()) {
      contents.put(file, Files.readAllBytes(file));
    }
    return contents;
  }

  private static void unchanged(Map<Path, byte[]> before) throws IOException {
    for (Map.Entry<Path, byte[]> file : before.entrySet()) {
      assertThat(Files.readAllBytes(file.getKey()))
          .as(file.getKey().toString())
          .isEqualTo(file.getValue());
    }
  }
}
