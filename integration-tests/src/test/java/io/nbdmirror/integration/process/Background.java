package io.nbdmirror.integration.process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A tool that runs until it is closed. */
public final class Background implements AutoCloseable {
  private final Process process;

  private Background(Process process) {
    this.process = process;
  }

  /** Starts it; what it says goes to a file in the folder. */
  public static Background start(Path folder, Command command) throws IOException {
    Path said = Files.createTempFile(folder, "background", ".log");
    return new Background(
        command.builder().redirectErrorStream(true).redirectOutput(said.toFile()).start());
  }

  public boolean isRunning() {
    return process.isAlive();
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
