package io.nbdmirror.nbd.tls;

/** Certificates or keys cannot be used; the message is a sentence that names the file. */
public final class CredentialException extends Exception {
  private static final long serialVersionUID = 1L;

  CredentialException(String sentence) {
    super(sentence);
  }

  CredentialException(String sentence, Throwable cause) {
    super(sentence, cause);
  }
}
