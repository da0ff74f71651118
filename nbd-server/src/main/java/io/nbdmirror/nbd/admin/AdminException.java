package io.nbdmirror.nbd.admin;

import io.netty.handler.codec.http.HttpResponseStatus;

/** A request to the admin API was refused or failed; the message is one sentence for a person. */
public final class AdminException extends Exception {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final String sentence;
  private final String allow;

  public AdminException(HttpResponseStatus status, String sentence) {
    this(status, sentence, "");
  }

  private AdminException(HttpResponseStatus status, String sentence, String allow) {
    super(sentence);
    this.status = status.code();
    this.sentence = sentence;
    this.allow = allow;
  }

  /**
   * The path is there, the method is not.
   *
   * @param allow the methods that are, as the Allow header lists them
   */
  static AdminException methodNotAllowed(String method, String path, String allow) {
    return new AdminException(
        HttpResponseStatus.METHOD_NOT_ALLOWED,
        "%s is not possible on %s; it takes %s".formatted(method, path, allow),
        allow);
  }

  /** The HTTP status. */
  public int status() {
    return status;
  }

  /** The message, which is never null. */
  public String sentence() {
    return sentence;
  }

  /** What the Allow header says; empty when the answer has none. */
  String allow() {
    return allow;
  }
}
