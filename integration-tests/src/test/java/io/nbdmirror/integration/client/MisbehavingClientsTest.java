package io.nbdmirror.integration.client;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a client does wrong harms its own connection only. */
@Needs("python3")
class MisbehavingClientsTest {
  private static final Path SCRIPT =
      Nbdmirror.ROOT.resolve("integration-tests/src/test/resources/client/misbehave.py");

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "requests_that_are_refused",
        "lengths_beyond_the_limit",
        "an_unknown_command",
        "a_bad_magic",
        "garbage_instead_of_a_handshake",
        "options_of_any_length",
        "vanishing_in_the_middle",
        "idle_connections_in_number",
      })
  void othersAreUndisturbedBy(String misbehaviour) {
    TwoMembers members = TwoMembers.create(folder, "disk", 128L << 20);
    try (RunningServer server = members.serve()) {
      Command.of("/usr/bin/python3", SCRIPT, misbehaviour, "127.0.0.1", server.tcpPort()).run();
      server.stop();
    }
    members.areIdentical();
    members.areClean();
  }
}
