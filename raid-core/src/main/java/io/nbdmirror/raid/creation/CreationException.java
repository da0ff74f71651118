package io.nbdmirror.raid.creation;

/** An array can't be made or unmade; the message is one sentence for a person. */
public final class CreationException extends Exception {
  private static final long serialVersionUID = 1L;

  public CreationException(String message) {
    super(message);
  }
}
