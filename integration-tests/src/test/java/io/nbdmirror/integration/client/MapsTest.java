package io.nbdmirror.integration.client;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What programs learn of an array's parts: holes, dirty chunks, what is to be copied. */
class MapsTest {
  private static final int MIB = 1 << 20;
  private static final String BITMAP = "qemu:dirty-bitmap:write-intent";

  @TempDir Path folder;
  private TwoMembers members;
  private RunningServer server;

  /**
   * Nothing is written but a MiB at 10 MiB, and its bit stays: the next pass is far away. A first
   * stop has cleared the bits that a new array has.
   */
  @BeforeEach
  void writeSomewhere() {
    members =
        TwoMembers.create(folder, "disk", 128L << 20, "--bitmap-chunk", "1M", "--delay", "600s");
    try (RunningServer first = members.serve()) {
      Awaitility.await("resync")
          .atMost(Duration.ofMinutes(1))
          .until(() -> first.array().at("/sync/action").asText().equals("idle"));
      first.stop();
    }
    server = members.serve();
    Command.of("qemu-io", "-f", "raw", "-c", "write -P 7 10M 1M", server.unixUri()).run();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  @Needs({"nbdinfo", "qemu-io"})
  void nbdinfoListsEveryContext() {
    String listed = Command.of("nbdinfo", "--list", server.unixUri()).run().out();
    assertThat(listed).contains("base:allocation", BITMAP, "x-nbdmirror:state");
  }

  @Test
  @Needs({"nbdinfo", "qemu-io"})
  void nbdinfoMapsHolesAndDirtyChunks() throws IOException {
    for (String uri : new String[] {server.unixUri(), server.tcpUri()}) {
      assertThat(map("base:allocation", uri))
          .startsWith("0 %d 3".formatted(10 * MIB), "%d %d 0".formatted(10 * MIB, MIB))
          .hasSize(3);
      for (String context : new String[] {BITMAP, "x-nbdmirror:state"}) {
        assertThat(map(context, uri))
            .startsWith("0 %d 0".formatted(10 * MIB), "%d %d 1".formatted(10 * MIB, MIB))
            .hasSize(3);
      }
    }
  }

  private static List<String> map(String context, String uri) throws IOException {
    String json = Command.of("nbdinfo", "--map=" + context, "--json", uri).run().out();
    List<String> extents = new ArrayList<>();
    for (JsonNode extent : new ObjectMapper().readTree(json)) {
      extents.add(
          "%d %d %d"
              .formatted(
                  extent.get("offset").asLong(),
                  extent.get("length").asLong(),
                  extent.get("type").asLong()));
    }
    return extents;
  }

  @Test
  @Needs({"qemu-img", "qemu-io"})
  void qemuImgMapsHolesAndTheBitmap() throws IOException {
    JsonNode holes =
        new ObjectMapper()
            .readTree(
                Command.of("qemu-img", "map", "--output=json", "-f", "raw", server.unixUri())
                    .run()
                    .out());
    assertThat(holes.get(0).get("zero").asBoolean()).isTrue();
    assertThat(holes.get(1).get("start").asLong()).isEqualTo(10 * MIB);
    assertThat(holes.get(1).get("data").asBoolean()).isTrue();
    assertThat(holes.get(1).get("length").asLong()).isEqualTo(MIB);
    String image =
        "driver=nbd,server.type=unix,server.path=%s,export=disk,x-dirty-bitmap=%s"
            .formatted(server.unixSocket(), BITMAP);
    JsonNode dirty =
        new ObjectMapper()
            .readTree(
                Command.of("qemu-img", "map", "--output=json", "--image-opts", image).run().out());
    // QEMU shows what is dirty as having no data.
    assertThat(dirty.get(0).get("data").asBoolean()).isTrue();
    assertThat(dirty.get(1).get("data").asBoolean()).isFalse();
    assertThat(dirty.get(1).get("start").asLong()).isEqualTo(10 * MIB);
    assertThat(dirty.get(1).get("length").asLong()).isEqualTo(MIB);
  }

  @Test
  @Needs({"nbdcopy", "qemu-img", "qemu-io"})
  void copiesAreAsSparseAsTheArray() throws IOException {
    Path byNbdcopy = folder.resolve("nbdcopy.img");
    Path byQemu = folder.resolve("qemu.img");
    Command.of("nbdcopy", server.unixUri(), byNbdcopy).run();
    Command.of("qemu-img", "convert", "-f", "raw", "-O", "raw", server.unixUri(), byQemu).run();
    assertThat(Command.of("cmp", byNbdcopy, byQemu).attempt().out()).isEmpty();
    for (Path copy : new Path[] {byNbdcopy, byQemu}) {
      Command.of("qemu-img", "compare", "-f", "raw", "-F", "raw", copy, server.unixUri()).run();
      assertThat(Files.size(copy)).isEqualTo(members.first().dataBytes());
      assertThat(allocatedKib(copy)).isLessThan(3 * 1024);
    }
  }

  private static long allocatedKib(Path file) {
    return Long.parseLong(Command.of("du", "-k", file).run().out().split("\t", 2)[0]);
  }

  @Test
  @Needs(
      value = {"nbdfuse", "qemu-io"},
      root = true)
  void aFileOfNbdfuseIsTheArray() throws IOException {
    Path mount = Files.createDirectories(folder.resolve("mnt"));
    Path file = mount.resolve("nbd");
    byte[] data = new byte[100_001];
    new SplittableRandom(9).nextBytes(data);
    try (Background nbdfuse =
        Background.start(folder, Command.of("nbdfuse", mount, server.unixUri()))) {
      Awaitility.await("nbdfuse").until(() -> !nbdfuse.isRunning() || Files.exists(file));
      try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
        assertThat(bytes.length()).isEqualTo(members.first().dataBytes());
        bytes.seek(10_001);
        bytes.write(data);
        bytes.getFD().sync();
        bytes.seek(10_001);
        byte[] back = new byte[data.length];
        bytes.readFully(back);
        assertThat(back).isEqualTo(data);
      } finally {
        Command.of("umount", "-l", mount).attempt();
      }
    }
  }

  @Test
  @Needs({"qemu-img", "qemu-io", "fio"})
  void benchesAndTrimmingLoadsEndWithoutErrors() {
    Command.of("qemu-img", "bench", "-f", "raw", "-t", "none", "-c", 2000, "-d", 64, "-s", "4k")
        .and("-w", server.unixUri())
        .run();
    Command.of("qemu-img", "bench", "-f", "raw", "-c", 2000, "-d", 64, "-s", "64k")
        .and(server.tcpUri())
        .run();
    String said =
        Command.of("fio", "--name=trims", "--ioengine=nbd", "--uri=" + server.unixUri())
            .and("--rw=trimwrite", "--bs=16k", "--size=32M", "--iodepth=16", "--fsync=50")
            .in(folder)
            .run()
            .out();
    assertThat(said).contains("err= 0");
    server.stop();
    members.areIdentical();
  }
}
