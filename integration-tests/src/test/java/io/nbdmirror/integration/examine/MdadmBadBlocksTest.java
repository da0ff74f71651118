package io.nbdmirror.integration.examine;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.ExportedMember;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The log of bad blocks on a member, as mdadm reads it and as we honour it. */
@Needs({"mdadm", "nbdcopy"})
class MdadmBadBlocksTest {
  private static final long MEMBER_BYTES = 18L << 20;

  /** Of the array. */
  private static final int BAD_OFFSET_BYTES = (3 << 20) + 4096;

  private static final int BAD_BYTES = 2048;

  @TempDir Path folder;

  @Test
  @Needs(
      value = {"mdadm", "nbdcopy", "nbdkit", "nbdfuse"},
      root = true)
  void mdadmListsTheBlocksThatCouldNotBeWritten() throws IOException {
    Path backing = TwoMembers.sparse(folder.resolve("backing.img"), MEMBER_BYTES);
    Path good = TwoMembers.sparse(folder.resolve("good.img"), MEMBER_BYTES);
    MemberImage image = new MemberImage(backing);
    try (ExportedMember bad = ExportedMember.withBadBlocks(folder, "bad", backing)) {
      Nbdmirror.command("create", "disk", bad.file(), good).and("--assume-clean").run();
      long from = image.dataOffsetBytes() + BAD_OFFSET_BYTES;
      Files.writeString(folder.resolve("writes"), from + " " + (from + BAD_BYTES) + "\n");
      try (RunningServer server = RunningServer.start(folder, bad.file(), good)) {
        Path data = noise(1, image);
        Command.of("nbdcopy", "--flush", data, server.unixUri()).run();
        assertThat(mdadmLists(backing)).isEqualTo(from / 512 + " for " + BAD_BYTES / 512);
        assertThat(server.errors()).contains("are recorded as bad");
        assertThat(server.array().at("/members/0/role").asText()).isEqualTo("in-sync");
        clientReads(server, data);

        Files.delete(folder.resolve("writes"));
        Path other = noise(2, image);
        Command.of("nbdcopy", "--flush", other, server.unixUri()).run();
        server.stop();
        assertThat(mdadmLists(backing)).as("once it could be written").isEmpty();
      }
    }
    new TwoMembers(folder, image, new MemberImage(good)).areIdentical();
  }

  @Test
  void blocksThatTheLogNamesAreReadFromTheOther() throws IOException {
    TwoMembers members = TwoMembers.create(folder, "disk", MEMBER_BYTES, "--assume-clean");
    MemberImage first = members.first();
    Path data = noise(3, first);
    try (RunningServer server = members.serve()) {
      Command.of("nbdcopy", "--flush", data, server.unixUri()).run();
      server.stop();
    }
    byte[] garbage = new byte[BAD_BYTES];
    Arrays.fill(garbage, (byte) 0x5a);
    first.damage(BAD_OFFSET_BYTES, garbage);
    long sector = (first.dataOffsetBytes() + BAD_OFFSET_BYTES) / 512;
    first.recordBadBlocks(sector, BAD_BYTES / 512);
    assertThat(mdadmLists(first.file())).isEqualTo(sector + " for " + BAD_BYTES / 512);

    try (RunningServer server = members.serve()) {
      // Either is read some of the time.
      for (int i = 0; i < 4; i++) {
        clientReads(server, data);
      }
      assertThat(first.data(BAD_OFFSET_BYTES, BAD_BYTES))
          .as("nobody wrote there")
          .isEqualTo(garbage);
      Command.of("nbdcopy", "--flush", data, server.unixUri()).run();
      server.stop();
    }
    assertThat(mdadmLists(first.file())).as("once it was written").isEmpty();
    members.areIdentical();
  }

  private Path noise(int seed, MemberImage member) throws IOException {
    byte[] noise = new byte[(int) member.dataBytes()];
    new Random(seed).nextBytes(noise);
    return Files.write(folder.resolve("noise" + seed), noise);
  }

  private void clientReads(RunningServer server, Path data) throws IOException {
    Path read = folder.resolve("read.img");
    Command.of("nbdcopy", server.unixUri(), read).run();
    assertThat(Files.mismatch(data, read)).as("what a client reads").isEqualTo(-1);
  }

  /** "SECTOR for SECTORS" for each entry of the log, one a line; empty when there are none. */
  private static String mdadmLists(Path member) {
    String said = Command.of("mdadm", "--examine-badblocks", member).run().out();
    assertThat(said).startsWith("Bad-blocks ");
    return String.join(
        "\n", said.lines().skip(1).map(line -> line.strip().replace(" sectors", "")).toList());
  }
}
