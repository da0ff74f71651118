package io.nbdmirror.nbd.cli;

/**
 * A command failed; the message is one sentence for a person: what, on which file, why, and what to
 * do.
 */
public final class CommandException extends Exception {
  private static final long serialVersionUID = 1L;

  public CommandException(String message) {
    super(message);
  }
}
