package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;

/** Where an option leads, once its data has been read and its answer, if any, encoded. */
sealed interface OptionOutcome {
  /** The next option may come. */
  record Answered() implements OptionOutcome {}

  /** An error is sent, and the next option may come. */
  record Refused(OptionException why) implements OptionOutcome {}

  /** Transmission begins. */
  record Attached(Export export, int transmissionFlags) implements OptionOutcome {}

  /** The client said goodbye. */
  record Aborted() implements OptionOutcome {}

  /** No answer can say what is wrong, so the connection is closed. */
  record Ended(String why) implements OptionOutcome {}
}
