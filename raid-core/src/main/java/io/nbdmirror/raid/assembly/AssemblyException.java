package io.nbdmirror.raid.assembly;

/** An array cannot be started; the message is one sentence for a person. Nothing was written. */
public final class AssemblyException extends Exception {
  private static final long serialVersionUID = 1L;

  public AssemblyException(String message) {
    super(message);
  }
}
