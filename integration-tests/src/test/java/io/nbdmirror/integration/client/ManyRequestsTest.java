package io.nbdmirror.integration.client;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Figures;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** libnbd with much in flight, every byte compared with a copy in the client's memory. */
@Needs("python3")
class ManyRequestsTest {
  private static final int SECONDS = "true".equals(System.getenv("NBDMIRROR_LONG")) ? 60 : 6;
  private static final Path SCRIPTS =
      Nbdmirror.ROOT.resolve("integration-tests/src/test/resources/client");

  @TempDir Path folder;

  @Test
  void eightConnectionsWith64InFlightEachReadWhatTheyWrote() {
    TwoMembers members = TwoMembers.create(folder, "disk", 72L << 20, "--bitmap-chunk", "64K");
    try (RunningServer server = members.serve()) {
      String said =
          script("shadow.py", server.unixUri(), SECONDS, 20_261_125L)
              .within(Duration.ofSeconds(120L + SECONDS))
              .run()
              .out();
      Figures.show("8 connections, 64 in flight, " + SECONDS + " s: " + said.strip());
      server.stop();
    }
    members.areIdentical();
    members.areClean();
  }

  @Test
  void requestsFromOneByteTo64MibNeedNoAlignment() {
    TwoMembers members = TwoMembers.create(folder, "disk", 96L << 20);
    try (RunningServer server = members.serve()) {
      script("sizes.py", server.tcpUri()).run();
      server.stop();
    }
    members.areIdentical();
    members.areClean();
  }

  private static Command script(String name, Object... arguments) {
    return Command.of("/usr/bin/python3", SCRIPTS.resolve(name)).and(arguments);
  }
}
