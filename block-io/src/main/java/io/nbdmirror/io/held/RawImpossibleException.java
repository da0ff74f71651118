package io.nbdmirror.io.held;

/** Why a file can't be written past its filesystem; one that goes through it may still be. */
final class RawImpossibleException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param reason what a sentence goes on with after "because", naming the filesystem or the device
   */
  RawImpossibleException(String reason) {
    super(reason);
  }

  String reason() {
    return String.valueOf(getMessage());
  }
}
