package io.nbdmirror.integration.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An array that has a resync to do is served read-only: not a byte of its members changes. */
@Needs({"nbdcopy", "nbdinfo"})
class ReadOnlyTest {
  @TempDir Path folder;

  @Test
  void membersServedReadOnlyStayAsTheyWere() throws IOException {
    TwoMembers members =
        TwoMembers.create(folder, "disk", 18L << 20, "--bitmap-chunk", "64K", "--assume-clean");
    byte[] noise = new byte[(int) members.first().dataBytes()];
    new Random(4).nextBytes(noise);
    Path image = Files.write(folder.resolve("noise"), noise);
    try (RunningServer server = members.serve("--clean-delay", "1m")) {
      Command.of("nbdcopy", "--flush", image, server.unixUri()).run();
      server.kill();
    }
    assertThat(members.first().clean()).isFalse();
    String before = hashes(members);

    Path read = folder.resolve("read.img");
    try (RunningServer server = members.serve("--read-only")) {
      assertThat(server.array().at("/state").asText()).isEqualTo("read-only");
      Command.of("nbdcopy", server.unixUri(), read).run();
      assertThat(Command.of("nbdinfo", "--json", server.unixUri()).run().out())
          .containsPattern("\"is_read_only\": true");
      assertThat(Command.of("nbdcopy", image, server.unixUri()).attempt().status()).isNotZero();
      server.stop();
    }
    assertThat(Files.mismatch(image, read)).as("what a client reads").isEqualTo(-1);
    assertThat(hashes(members)).isEqualTo(before);
  }

  private static String hashes(TwoMembers members) {
    return Command.of("sha256sum", members.first().file(), members.second().file()).run().out();
  }
}
