package io.nbdmirror.nbd.handshake;

/** Where an option leads, once its data has been read and its answer, if any, encoded. */
sealed interface OptionOutcome {
  /** The next option may come. */
  record Answered() implements OptionOutcome {}

  /** An error is sent, and the next option may come. */
  record Refused(OptionException why) implements OptionOutcome {}

  /** Transmission begins. */
  record Attached(Negotiated negotiated) implements OptionOutcome {}

  /** Nothing more is said in the clear. */
  record Secured() implements OptionOutcome {}

  /** The client said goodbye. */
  record Aborted() implements OptionOutcome {}

  /** No answer can say what is wrong, so the connection is closed. */
  record Ended(String why) implements OptionOutcome {}
}
