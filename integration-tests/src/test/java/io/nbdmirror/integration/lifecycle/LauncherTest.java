package io.nbdmirror.integration.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Figures;
import io.nbdmirror.integration.process.Finished;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./nbdmirror} at the top of the source tree. */
class LauncherTest {
  private static final Path LAUNCHER = Nbdmirror.ROOT.resolve("nbdmirror");

  @TempDir Path folder;

  /** What is built is there; the launcher's own first-time work is not measured. */
  @BeforeAll
  static void firstUse() {
    Command.of(LAUNCHER, "--version").run();
  }

  @Test
  void itWorksThroughALinkFromAnyFolderWithoutAWarning() throws IOException {
    Path link = Files.createSymbolicLink(folder.resolve("nbdmirror"), LAUNCHER);
    Finished finished = Command.of(link, "--version").in(folder).run();
    assertThat(finished.out()).isNotBlank();
    assertThat(finished.err()).isEmpty();
  }

  @Test
  void itFindsItsJavaWhateverTheEnvironmentPointsAt() {
    Finished finished =
        Command.of(LAUNCHER, "--version")
            .with("JAVA_HOME", folder)
            .with("PATH", "/usr/bin:/bin")
            .run();
    assertThat(finished.err()).isEmpty();
  }

  @Test
  void itPassesTheExitStatusOn() {
    Command.of(LAUNCHER, "no-such-command").attempt().exited(2);
  }

  @Test
  void aServerStartsWithoutAWarningAndStopsOnATermSignal() {
    TwoMembers members = TwoMembers.create(folder, "disk", 64L << 20);
    long[] millis = new long[5];
    for (int i = 0; i < millis.length; i++) {
      Command serve =
          Command.of(LAUNCHER, "serve", members.first().file(), members.second().file())
              .and("--listen", "unix:" + folder.resolve("nbd.sock"), "--admin", "127.0.0.1:0");
      long begin = System.nanoTime();
      try (RunningServer server = RunningServer.start(folder, serve)) {
        millis[i] = (System.nanoTime() - begin) / 1_000_000;
        server.stop();
        assertThat(server.errors()).doesNotContain("WARNING");
      }
    }
    Arrays.sort(millis);
    Figures.show("./nbdmirror serve is ready after " + Arrays.toString(millis) + " ms");
    members.areClean();
  }
}
