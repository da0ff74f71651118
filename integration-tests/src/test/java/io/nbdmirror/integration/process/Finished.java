package io.nbdmirror.integration.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

/** A program that has ended: what it was, its exit status, and what it said. */
public record Finished(List<String> command, int status, String out, String err) {
  /** Fails the test, showing all the program said, unless it exited with 0. */
  public Finished succeeded() {
    return exited(0);
  }

  /** Fails the test, showing all the program said, unless it exited so. */
  public Finished exited(int expected) {
    assertThat(status).as("exit status of %s", this).isEqualTo(expected);
    return this;
  }

  @Override
  public String toString() {
    return "%s%n--- stdout%n%s%n--- stderr%n%s%n---".formatted(String.join(" ", command), out, err);
  }
}
