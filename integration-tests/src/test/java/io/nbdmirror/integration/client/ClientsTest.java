package io.nbdmirror.integration.client;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each test leaves the mirror through a clean stop, after which both members must be identical. */
class ClientsTest {
  private static final long MEMBER_BYTES = 128L << 20;
  private static final int SMALLEST_BYTES = 100 << 20;

  @TempDir Path folder;
  private TwoMembers members;
  private RunningServer server;

  /** Ways to reach the server. */
  enum Transport {
    TCP,
    UNIX;

    String uri(RunningServer server) {
      return this == TCP ? server.tcpUri() : server.unixUri();
    }
  }

  @BeforeEach
  void serve() {
    members = TwoMembers.create(folder, "disk", MEMBER_BYTES);
    server = members.serve();
  }

  @AfterEach
  void stopAndCompare() {
    try {
      server.stop();
      members.areIdentical();
      members.areClean();
    } finally {
      server.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  @Needs("nbdinfo")
  void nbdinfoSeesTheArrayAsTheDefaultExportAndByName(Transport transport) throws IOException {
    for (String uri : new String[] {transport.uri(server), named(transport)}) {
      String json = Command.of("nbdinfo", "--json", uri).run().out();
      JsonNode export = new ObjectMapper().readTree(json).at("/exports/0");
      assertThat(export.get("export-size").asLong()).isEqualTo(members.first().dataBytes());
      assertThat(export.get("is_read_only").asBoolean()).isFalse();
      assertThat(export.get("can_flush").asBoolean()).isTrue();
      assertThat(export.get("can_fua").asBoolean()).isTrue();
      assertThat(export.get("can_trim").asBoolean()).isTrue();
      assertThat(export.get("can_zero").asBoolean()).isTrue();
    }
    assertThat(Command.of("nbdinfo", "--list", transport.uri(server)).run().out())
        .contains("export=\"disk\"");
  }

  private String named(Transport transport) {
    return transport == Transport.TCP
        ? server.tcpUri() + "/disk"
        : "nbd+unix:///disk?socket=" + server.unixSocket();
  }

  @ParameterizedTest
  @EnumSource
  @Needs("nbdcopy")
  void nbdcopyBringsRandomBytesInAndOut(Transport transport) throws IOException {
    Path image = randomImage(folder.resolve("random.img"), 42);
    Path back = folder.resolve("back.img");
    Command.of("nbdcopy", "--flush", image, transport.uri(server)).run();
    Command.of("nbdcopy", transport.uri(server), back).run();
    try (var whole = Files.newByteChannel(back)) {
      assertThat(whole.size()).isEqualTo(members.first().dataBytes());
    }
    assertThat(Command.of("cmp", "-n", SMALLEST_BYTES, image, back).attempt().out()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  @Needs({"nbdcopy", "mkfs.ext4", "e2fsck", "debugfs", "qemu-img"})
  void aFilesystemSurvivesTheWayInAndOut(Transport transport) throws IOException {
    Path image = filesystem();
    Path back = folder.resolve("back.img");
    Command.of("nbdcopy", "--flush", image, transport.uri(server)).run();
    Command.of("qemu-img", "compare", "-f", "raw", "-F", "raw", image, transport.uri(server)).run();
    Command.of("nbdcopy", transport.uri(server), back).run();
    Command.of("e2fsck", "-f", "-n", back).run();
    assertThat(Command.of("debugfs", "-R", "cat /folder/greeting", back).run().out())
        .isEqualTo("hello\n");
    assertThat(Command.of("cmp", image, back).attempt().out()).isEmpty();
  }

  private Path filesystem() throws IOException {
    Path tree = Files.createDirectories(folder.resolve("tree/folder"));
    Files.writeString(tree.resolve("greeting"), "hello\n");
    byte[] noise = new byte[20 << 20];
    new SplittableRandom(7).nextBytes(noise);
    Files.write(tree.resolve("noise"), noise);
    Path image = TwoMembers.sparse(folder.resolve("fs.img"), members.first().dataBytes());
    Command.of("mkfs.ext4", "-q", "-F", "-d", folder.resolve("tree"), image).run();
    return image;
  }

  private static Path randomImage(Path file, long seed) throws IOException {
    byte[] bytes = new byte[SMALLEST_BYTES];
    new SplittableRandom(seed).nextBytes(bytes);
    return Files.write(file, bytes);
  }

  @ParameterizedTest
  @EnumSource
  @Needs("qemu-io")
  void qemuIoReadsBackItsPatterns(Transport transport) {
    String[] commands = {
      "write -P 0xa1 0 1M",
      "write -P 0xb2 65535 3",
      "write -P 0xc3 1000001 12345",
      "write -f -P 0xd4 2M 4k",
      "write -z 256k 128k",
      "write -z -u 700001 1000",
      "discard 512k 64k",
      "flush",
      "read -P 0xa1 0 65535",
      "read -P 0xb2 65535 3",
      "read -P 0xa1 65538 196606",
      "read -P 0 256k 128k",
      "read -P 0xa1 384k 128k",
      "read -P 0 700001 1000",
      "read -P 0xc3 1000001 12345",
      "read -P 0xd4 2M 4k",
      "read -P 0 2101248 1M",
    };
    Command qemuIo = Command.of("qemu-io", "-f", "raw", "-t", "none");
    for (String command : commands) {
      qemuIo.and("-c", command);
    }
    String said = qemuIo.and(transport.uri(server)).run().out();
    assertThat(said).doesNotContain("verification failed", "failed:");
  }

  @ParameterizedTest
  @EnumSource
  @Needs("fio")
  void fioFindsEveryBlockAsItWroteIt(Transport transport) {
    String said =
        Command.of("fio", "--name=verified", "--ioengine=nbd", "--uri=" + transport.uri(server))
            .and("--rw=randwrite", "--bsrange=512-64k", "--blockalign=512", "--size=64M")
            .and("--iodepth=32", "--verify=crc32c", "--do_verify=1", "--verify_fatal=1")
            .and("--randseed=11", "--fsync=64")
            .in(folder)
            .run()
            .out();
    assertThat(said).contains("err= 0");
  }

  @Test
  @Needs("fio")
  void severalClientsVerifyTheirOwnPartsAtOnce() {
    Command fio = Command.of("fio", "--ioengine=nbd", "--bs=4k", "--rw=randrw", "--iodepth=16");
    fio.and("--verify=crc32c", "--verify_fatal=1", "--do_verify=1", "--size=16M");
    for (int job = 0; job < 4; job++) {
      Transport transport = Transport.values()[job % 2];
      fio.and("--name=job" + job, "--uri=" + transport.uri(server), "--offset=" + 16 * job + "M");
    }
    assertThat(fio.in(folder).run().out()).contains("err= 0");
  }
}
