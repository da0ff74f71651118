package io.nbdmirror.nbd.handshake;

import org.jspecify.annotations.Nullable;

/** An option is refused; the message is the sentence that the client is sent. */
final class OptionException extends Exception {
  private static final long serialVersionUID = 1L;

  private final int replyType;

  /**
   * @param replyType one of the protocol's error reply types
   */
  OptionException(int replyType, String message) {
    super(message, null, false, false);
    this.replyType = replyType;
  }

  /** Refuses what a client may not have. */
  static void throwIf(@Nullable Refusal refusal) throws OptionException {
    if (refusal != null) {
      throw new OptionException(refusal.replyType(), refusal.sentence());
    }
  }

  int replyType() {
    return replyType;
  }
}
