package io.nbdmirror.integration.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A tool that runs until it is closed. */
public final class Background implements AutoCloseable {
  private final Process process;
  private final Path said;

  private Background(Process process, Path said) {
    this.process = process;
    this.said = said;
  }

  /** Starts it; what it says goes to a file in the folder. */
  public static Background start(Path folder, Command command) throws IOException {
    Path said = Files.createTempFile(folder, "background", ".log");
    return new Background(
        command.builder().redirectErrorStream(true).redirectOutput(said.toFile()).start(), said);
  }

  public boolean isRunning() {
    return process.isAlive();
  }

  public long pid() {
    return process.pid();
  }

  /** What it has said so far. */
  public String said() throws IOException {
    return Files.readString(said);
  }

  /** Waits for so long, or until it has ended by itself: then it says true. */
  public boolean endsWithin(Duration time) throws InterruptedException {
    return process.waitFor(time.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Waits until it has ended by itself; fails the test unless that was in time and with 0. */
  public void awaitSuccess(Duration limit) throws IOException, InterruptedException {
    assertThat(endsWithin(limit)).as("ended within %s; it said:%n%s", limit, said()).isTrue();
    assertThat(process.exitValue()).as("exit status; it said:%n%s", said()).isZero();
  }

  /** Ends it before its time. */
  public void end() {
    process.destroyForcibly().onExit().join();
  }

  @Override
  public void close() {
    end();
  }
}
