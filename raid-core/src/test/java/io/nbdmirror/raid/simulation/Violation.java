package io.nbdmirror.raid.simulation;

/** Something that must always hold did not; the message begins with its number where it has one. */
final class Violation extends AssertionError {
  private static final long serialVersionUID = 1L;

  Violation(String message) {
    super(message);
  }

  @SuppressWarnings("AnnotateFormatMethod") // whose annotation would be a dependency of its own
  static void require(boolean holds, String message, Object... arguments) {
    if (!holds) {
      throw new Violation(message.formatted(arguments));
    }
  }
}
