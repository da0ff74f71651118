package io.nbdmirror.nbd.array;

/** A change is not made, and nothing was; the message is one sentence for a person. */
public final class RefusedException extends Exception {
  private static final long serialVersionUID = 1L;

  public RefusedException(String sentence) {
    super(sentence);
  }
}
