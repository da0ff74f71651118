package io.nbdmirror.nbd.serve;

/** The server cannot start; the message is one sentence for a person. Nothing was written. */
public final class StartException extends Exception {
  private static final long serialVersionUID = 1L;

  public StartException(String message) {
    super(message);
  }

  StartException(Throwable cause) {
    super(String.valueOf(cause.getMessage()), cause);
  }
}
