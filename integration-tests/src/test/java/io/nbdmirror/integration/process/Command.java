package io.nbdmirror.integration.process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A program with its arguments, run to its end. Not thread-safe. */
public final class Command {
  private final List<String> words = new ArrayList<>();
  private final Map<String, String> environment = new LinkedHashMap<>();
  private Duration timeout = Duration.ofMinutes(2);
  private Path folder = Path.of("").toAbsolutePath();

  private Command(List<String> words) {
    this.words.addAll(words);
  }

  /** The words are turned into strings, so that paths and numbers can be given as they are. */
  public static Command of(Object... words) {
    return new Command(Arrays.stream(words).map(Object::toString).toList());
  }

  public Command and(Object... more) {
    Arrays.stream(more).map(Object::toString).forEach(words::add);
    return this;
  }

  public Command with(String variable, Object value) {
    environment.put(variable, value.toString());
    return this;
  }

  public Command in(Path workingFolder) {
    folder = workingFolder;
    return this;
  }

  /** After this long the program is killed and the test fails. */
  public Command within(Duration limit) {
    timeout = limit;
    return this;
  }

  /** The program and its arguments, for those that are to be run by another. */
  public List<String> words() {
    return List.copyOf(words);
  }

  /** Runs it and fails the test unless it exits with 0. */
  public Finished run() {
    return attempt().succeeded();
  }

  /** Runs it, however it ends. */
  public Finished attempt() {
    try {
      Path out = Files.createTempFile("out", null);
      Path err = Files.createTempFile("err", null);
      try {
        return attempt(out, err);
      } finally {
        Files.delete(out);
        Files.delete(err);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot run " + words, e);
    }
  }

  private Finished attempt(Path out, Path err) throws IOException {
    Process process = builder().redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    process.getOutputStream().close();
    boolean ended = await(process);
    if (!ended) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    Finished finished =
        new Finished(List.copyOf(words), ended ? process.exitValue() : -1, text(out), text(err));
    if (!ended) {
      throw new AssertionError("not done after " + timeout + ": " + finished);
    }
    return finished;
  }

  private boolean await(Process process) {
    try {
      return process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted while waiting for " + words, e);
    }
  }

  /** For those that keep the program running. */
  ProcessBuilder builder() {
    ProcessBuilder builder = new ProcessBuilder(words).directory(folder.toFile());
    builder.environment().putAll(environment);
    return builder;
  }

  private static String text(Path file) throws IOException {
    return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
  }
}
