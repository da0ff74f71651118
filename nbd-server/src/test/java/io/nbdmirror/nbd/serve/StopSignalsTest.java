package io.nbdmirror.nbd.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Signals sent to a process whose clean stop never comes to an end. */
@Timeout(60)
class StopSignalsTest {
  private Process process;
  private BufferedReader out;

  /** What that process runs. */
  public static final class NeverDone {
    private NeverDone() {}

    public static void main(String[] arguments) throws InterruptedException {
      StopSignals.handle(() -> say("asked to stop"));
      say("running");
      new CountDownLatch(1).await();
    }

    private static void say(String line) {
      System.out.println(line);
      System.out.flush();
    }
  }

  @BeforeEach
  void start() throws IOException {
    process =
        // A shell that runs tests in the background has its children ignore INT.
        new ProcessBuilder(
                "env",
                "--default-signal=INT,HUP",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                NeverDone.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    out =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    assertThat(out.readLine()).isEqualTo("running");
  }

  @AfterEach
  void end() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  @ParameterizedTest
  @CsvSource({"TERM, TERM, 143", "TERM, INT, 130", "INT, INT, 130", "HUP, TERM, 143"})
  void theFirstAsksTheSecondEndsTheProcessAtOnce(String first, String second, int exitStatus)
      throws Exception {
    signal(first);
    assertThat(out.readLine()).isEqualTo("asked to stop");
    assertThat(process.isAlive()).isTrue();
    signal(second);
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(exitStatus);
    assertThat(out.readLine()).as("asked a second time").isNull();
  }

  @Test
  void aTerminalThatHangsUpTwiceDoesNotCutACleanStopShort() throws Exception {
    signal("HUP");
    assertThat(out.readLine()).isEqualTo("asked to stop");
    signal("HUP");
    assertThat(process.waitFor(200, TimeUnit.MILLISECONDS)).as("ended").isFalse();
  }

  private void signal(String name) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor();
  }
}
